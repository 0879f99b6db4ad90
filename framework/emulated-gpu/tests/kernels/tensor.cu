#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups.h>
#include <cuda/barrier>
extern "C" __global__ void __launch_bounds__(64)  tensor(__grid_constant__ CUtensorMap const v1, float * const __restrict__ v2) {
extern __shared__ __align__(128) char v20[];uint32_t const v3 = threadIdx.x;
array<float, 256> * const v4 = reinterpret_cast<array<float, 256> *>(&v20[0]);
cuda::barrier<cuda::thread_scope_block> * const v5 = reinterpret_cast<cuda::barrier<cuda::thread_scope_block> *>(&v20[1024]);
if(v3 == 0) {
init(v5, 64);
cuda::device::experimental::fence_proxy_async_shared_cta();
}
__syncthreads();
cuda::barrier<cuda::thread_scope_block>::arrival_token v6;
if(v3 == 0) {
cuda::device::experimental::cp_async_bulk_tensor_2d_global_to_shared(v4, &v1, 4, -1, *v5);
v6 = cuda::device::barrier_arrive_tx(*v5, 1, 1024);
} else {
v6 = v5->arrive();
}
v5->wait(std::move(v6));
for(uint32_t v7 = v3; v7 < 256; v7 += 64) {
v2[v7] = (*v4)[v7];
}
}
