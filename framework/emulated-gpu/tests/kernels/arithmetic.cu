extern "C" __global__ void __launch_bounds__(32)  arithmetic(float const* const __restrict__ v1, float * const __restrict__ v2) {
float const v3 = v1[0];
float const v4 = v1[1];
v2[0] = [&]() -> float {
float result;
asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(v3), "f"(v4));
return result;
}();
v2[1] = max(v3, v4);
v2[2] = fmaf(v1[2], v1[3], v1[4]);
v2[3] = v1[2] * v1[3] + 0;
v2[4] = float(__clz(uint32_t(v1[5])));
v2[5] = float(__umulhi(uint32_t(2147483648), uint32_t(6)));
}
