extern "C" __global__ void __launch_bounds__(64)  shuffle(float const* const __restrict__ v1, float * const __restrict__ v2) {
uint32_t const v3 = threadIdx.x;
float v4_store;
float * v4 = &v4_store;*v4 = v1[v3];
uint32_t const v5 = 2;
for(uint32_t v6 = 1; v6 < 32; v6 *= v5) {
float const v7 = *v4;
float const v8 = __shfl_xor_sync(__activemask(), v7, v6);
*v4 = v7 + v8;
}
float const v9 = *v4;
float const v10 = __shfl_sync(__activemask(), v9, 0);
v2[v3] = v10;
}
