extern "C" __global__ void __launch_bounds__(32)  unknown_asm(uint32_t * const __restrict__ v1) {
uint32_t const v2 = [&]() -> uint32_t {
uint32_t result;
asm volatile("bfind.u32 %0, %1;" : "=r"(result) : "r"(v1[0]));
return result;
}();v1[0] = v2;
}
