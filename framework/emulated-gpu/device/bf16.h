// bfloat16: computed in 32 bits, rounded to nearest, half to even.
#pragma once

namespace clf {
inline float brain(uint16_t value) { return real(uint32_t(value) << 16); }
} // namespace clf

struct alignas(2) __nv_bfloat16 {
    uint16_t word;
    __nv_bfloat16() = default;
    template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>>
    __nv_bfloat16(T value) : word(value != value ? 0x7fff : clf::bits(clf::rounded(float(value), 7)) >> 16) {}
    operator float() const { return clf::brain(word); }
};

inline __nv_bfloat16 operator+(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) + float(b); }
inline __nv_bfloat16 operator-(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) - float(b); }
inline __nv_bfloat16 operator*(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) * float(b); }
inline __nv_bfloat16 operator/(__nv_bfloat16 a, __nv_bfloat16 b) { return float(a) / float(b); }
inline __nv_bfloat16 operator-(__nv_bfloat16 a) { return -float(a); }
