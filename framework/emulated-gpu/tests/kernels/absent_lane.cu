extern "C" __global__ void __launch_bounds__(32)  absent_lane(float * const __restrict__ v1) {
uint32_t const v2 = threadIdx.x;
if(v2 != 1) {
float const v3 = __shfl_sync(__activemask(), v1[v2], 1);
v1[v2] = v3;
}
}
