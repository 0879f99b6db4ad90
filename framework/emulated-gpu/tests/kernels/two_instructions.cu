extern "C" __global__ void __launch_bounds__(32)  two_instructions(float * const __restrict__ v1) {
float const v2 = [&]() -> float {
float result;
asm volatile("max.NaN.f32 %0, %1, %2; add.f32 %0, %0, %1;" : "=f"(result) : "f"(v1[0]), "f"(v1[1]));
return result;
}();v1[0] = v2;
}
