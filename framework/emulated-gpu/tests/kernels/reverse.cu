extern "C" __global__ void __launch_bounds__(256)  reverse(float const* const __restrict__ v1, float * const __restrict__ v2) {
extern __shared__ __align__(16) char v9[];uint32_t const v3 = threadIdx.x;
array<float, 256> * const v4 = reinterpret_cast<array<float, 256> *>(&v9[0]);
uint32_t const v5 = blockIdx.x;
uint32_t const v6 = v5 * 256;
(*v4)[v3] = v1[v6 + v3];
__syncthreads();
v2[v6 + v3] = (*v4)[255 - v3];
}
