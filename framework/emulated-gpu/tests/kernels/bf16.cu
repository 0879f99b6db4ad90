#include <cuda_bf16.h>
extern "C" __global__ void __launch_bounds__(32)  bf16(float const* const __restrict__ v1, float const* const __restrict__ v2, float_4 * const __restrict__ v3, __nv_bfloat16 * const __restrict__ v30) {
extern __shared__ __align__(128) char v20[];uint32_t const v4 = threadIdx.x;
array<__nv_bfloat16, 256> * const v5 = reinterpret_cast<array<__nv_bfloat16, 256> *>(&v20[0]);
array<__nv_bfloat16, 128> * const v6 = reinterpret_cast<array<__nv_bfloat16, 128> *>(&v20[512]);
for(uint32_t v7 = v4; v7 < 256; v7 += 32) {
(*v5)[v7] = __nv_bfloat16(v1[v7]);
}
for(uint32_t v7 = v4; v7 < 128; v7 += 32) {
(*v6)[v7] = __nv_bfloat16(v2[v7]);
}
__syncwarp();
uint32_t const v8 = v4 % 16;
uint32_t const v9 = v4 / 16;
uint32_t const v10 = __cvta_generic_to_shared(&(*v5)[v8 * 16 + v9 * 8]);
uint32_t_4 const v11 = [&]() -> uint32_t_4 {
uint32_t_4 result;
asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared::cta.b16 {%0, %1, %2, %3}, [%4];" : "=r"(result.i_0), "=r"(result.i_1), "=r"(result.i_2), "=r"(result.i_3) : "r"(v10) : "memory");
return result;
}();uint32_t const v12 = __cvta_generic_to_shared(&(*v6)[v8 * 8]);
uint32_t_2 const v13 = [&]() -> uint32_t_2 {
uint32_t_2 result;
asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared::cta.b16 {%0, %1}, [%2];" : "=r"(result.i_0), "=r"(result.i_1) : "r"(v12) : "memory");
return result;
}();float_4 const v14 = v3[v4];
float_4 const v15 = [&]() -> float_4 {
float_4 result;
asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};" : "=f"(result.i_0), "=f"(result.i_1), "=f"(result.i_2), "=f"(result.i_3) : "r"(v11.i_0), "r"(v11.i_1), "r"(v11.i_2), "r"(v11.i_3), "r"(v13.i_0), "r"(v13.i_1), "f"(v14.i_0), "f"(v14.i_1), "f"(v14.i_2), "f"(v14.i_3) );
return result;
}();v3[v4] = v15;
array<__nv_bfloat16, 4> v16_store;
array<__nv_bfloat16, 4> * v16 = &v16_store;(*v16)[0] = __nv_bfloat16(v15.i_0);
(*v16)[1] = __nv_bfloat16(v15.i_1);
(*v16)[2] = __nv_bfloat16(v15.i_2);
(*v16)[3] = __nv_bfloat16(v15.i_3);
uint32_t_2 const v17 = reinterpret_cast<uint32_t_2 const&>(*v16);
__syncwarp();
uint32_t const v18 = __cvta_generic_to_shared(&(*v5)[v8 * 8]);
asm volatile("stmatrix.sync.aligned.m8n8.x2.shared::cta.b16 [%0], {%1, %2};" :  : "r"(v18), "r"(v17.i_0), "r"(v17.i_1) : "memory");__syncwarp();
for(uint32_t v7 = v4; v7 < 128; v7 += 32) {
v30[v7] = (*v5)[v7];
}
}
