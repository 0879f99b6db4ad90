extern "C" __global__ void __launch_bounds__(32)  unknown_function(uint32_t * const __restrict__ v1) {
v1[0] = __vabsdiffu4(v1[1], v1[2]);
}
