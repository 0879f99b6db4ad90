// Functions of CUDA that the host's library has not, or has otherwise. Approximations are computed exactly.
#pragma once

namespace clf {
inline uint32_t bits(float value) { uint32_t out; memcpy(&out, &value, 4); return out; }
inline float real(uint32_t value) { float out; memcpy(&out, &value, 4); return out; }
/// `value` with `keep` bits of significand after the point, to nearest, half to even.
inline float rounded(float value, int keep) {
    uint32_t x = bits(value);
    if ((x & 0x7f800000) == 0x7f800000) return value;
    uint32_t drop = 23 - keep, half = (1u << (drop - 1)) - 1 + (x >> drop & 1);
    return real((x + half) >> drop << drop);
}
} // namespace clf

// Of a number and what is none, CUDA gives the number.
using std::max;
using std::min;
inline float max(float a, float b) { return fmaxf(a, b); }
inline float min(float a, float b) { return fminf(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(double a, double b) { return fmin(a, b); }

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline double rsqrt(double x) { return 1 / ::sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __tanhf(float x) { return tanhf(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t(a) * b) >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return ((unsigned __int128)a * b) >> 64; }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }

inline void clf_max_NaN_f32(int, float &d, float a, float b) {
    d = a != a || b != b ? NAN : a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
}
inline void clf_min_NaN_f32(int, float &d, float a, float b) {
    d = a != a || b != b ? NAN : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b;
}

// Threads take turns, so that nothing comes between.
template <class T> inline T atomicAdd(T *p, T v) { T old = *p; *p = old + v; return old; }
template <class T> inline T atomicMax(T *p, T v) { T old = *p; if (v > old) *p = v; return old; }
template <class T> inline T atomicMin(T *p, T v) { T old = *p; if (v < old) *p = v; return old; }
template <class T> inline T atomicExch(T *p, T v) { T old = *p; *p = v; return old; }
template <class T> inline T atomicCAS(T *p, T c, T v) { T old = *p; if (old == c) *p = v; return old; }
inline void clf_atom_relaxed_add_f32(int, float &d, const float *p, float v) { d = *p; *const_cast<float *>(p) += v; }
#define __threadfence()
#define __threadfence_block()
