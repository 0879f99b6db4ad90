extern "C" __global__ void __launch_bounds__(32)  lost(float * const __restrict__ v1) {
__syncthreads();
v1[uint64_t(threadIdx.x + 1) << 44] = 1.0;
}
