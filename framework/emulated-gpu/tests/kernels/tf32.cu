extern "C" __global__ void __launch_bounds__(32)  tf32(uint32_t_4 const* const __restrict__ v1, uint32_t_2 const* const __restrict__ v2, float_4 * const __restrict__ v3) {
uint32_t const v4 = threadIdx.x;
uint32_t_4 const v5 = v1[v4];
uint32_t_2 const v6 = v2[v4];
float_4 const v7 = v3[v4];
float_4 const v8 = [&]() -> float_4 {
float_4 result;
asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};" : "=f"(result.i_0), "=f"(result.i_1), "=f"(result.i_2), "=f"(result.i_3) : "r"(v5.i_0), "r"(v5.i_1), "r"(v5.i_2), "r"(v5.i_3), "r"(v6.i_0), "r"(v6.i_1), "f"(v7.i_0), "f"(v7.i_1), "f"(v7.i_2), "f"(v7.i_3) );
return result;
}();v3[v4] = v8;
}
