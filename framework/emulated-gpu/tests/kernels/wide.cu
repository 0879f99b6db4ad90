extern "C" __global__ void __launch_bounds__(32)  wide(float * const __restrict__ v1) {
v1[threadIdx.x] = 1.0;
}
