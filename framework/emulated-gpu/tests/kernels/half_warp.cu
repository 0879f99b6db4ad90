extern "C" __global__ void __launch_bounds__(32)  half_warp(uint32_t * const __restrict__ v1) {
extern __shared__ __align__(16) char v9[];uint32_t const v2 = threadIdx.x;
if(v2 < 16) {
uint32_t const v3 = __cvta_generic_to_shared(&v9[v2 % 8 * 16]);
uint32_t const v4 = [&]() -> uint32_t {
uint32_t result;
asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared::cta.b16 {%0}, [%1];" : "=r"(result) : "r"(v3) : "memory");
return result;
}();v1[v2] = v4;
}
}
