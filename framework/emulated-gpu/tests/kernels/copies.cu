#include <cooperative_groups.h>
#include <cuda/barrier>
extern "C" __global__ void __launch_bounds__(64)  copies(float const* const __restrict__ v1, float * const __restrict__ v2) {
extern __shared__ __align__(16) char v9[];uint32_t const v3 = threadIdx.x;
uint32_t const v4 = __cvta_generic_to_shared(&v9[v3 * 16]);
float const* const v5 = &v1[v3 * 4];
uint32_t const v6 = v3 % 5 * 4;
asm volatile("cp.async.cg.shared::cta.global [%0], [%1], 16, %2;" :  : "r"(v4), "l"(v5), "r"(v6) : "memory");cuda::barrier<cuda::thread_scope_block> * const v14 = reinterpret_cast<cuda::barrier<cuda::thread_scope_block> *>(&v9[1024]);
if(v3 == 0) {
init(v14, 64);
}
__syncthreads();
uint32_t const v15 = __cvta_generic_to_shared(cuda::device::barrier_native_handle(*v14));
asm volatile("cp.async.mbarrier.arrive.shared::cta.b64 [%0];" :  : "r"(v15) : "memory");v14->arrive_and_wait();
array<float, 256> * const v7 = reinterpret_cast<array<float, 256> *>(&v9[0]);
for(uint32_t v8 = 0; v8 < 4; v8 += 1) {
v2[v3 * 4 + v8] = (*v7)[v3 * 4 + v8];
}
uint32_t const v10 = [&]() -> uint32_t {
uint32_t result;
asm volatile("{\n\t.reg .pred %%px;\n\t.reg .b32 %mask;\n\tactivemask.b32 %mask;\n\telect.sync _|%%px, %mask;\n\tselp.b32 %0, 1, 0, %%px;\n\t}" : "=r"(result) :  );
return result;
}();if(bool(v10)) {
float const* const v11 = &v2[256];
float const v12 = 1.0;
float const v13 = [&]() -> float {
float result;
asm volatile("atom.relaxed.add.f32 %0, [%1], %2;" : "=f"(result) : "l"(v11), "f"(v12) );
return result;
}();}
}
