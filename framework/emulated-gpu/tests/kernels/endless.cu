extern "C" __global__ void __launch_bounds__(32)  endless(float volatile * const __restrict__ v1) {
while(v1[0] == 0) {
}
}
