#include <cooperative_groups.h>
#include <cuda/barrier>
extern "C" __global__ void __launch_bounds__(64)  stuck(float * const __restrict__ v2) {
extern __shared__ __align__(128) char v20[];uint32_t const v3 = threadIdx.x;
cuda::barrier<cuda::thread_scope_block> * const v5 = reinterpret_cast<cuda::barrier<cuda::thread_scope_block> *>(&v20[0]);
if(v3 == 0) {
init(v5, 65);
}
__syncthreads();
v5->arrive_and_wait();
v2[v3] = 1.0;
}
