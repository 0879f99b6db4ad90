// `mma.sync`: products of tensor cores over the registers of a warp. Sums are in 32 bits, one product after the other.
#pragma once

namespace clf {
/// Tensor cores do not read the last 13 bits of a factor in tf32.
inline float as_tf32(float value) { return real(bits(value) & 0xffffe000u); }

struct Tf32 { static constexpr int per = 1; static float at(uint32_t word, int) { return as_tf32(real(word)); } };
struct Bf16 { static constexpr int per = 2; static float at(uint32_t word, int i) { return brain(word >> (16 * i)); } };

/// The registers of a lane with its parts of both factors.
struct Fragments { uint32_t a[4], b[2]; };

/// `mma.sync.aligned.m16n8kK.row.col`, K = 8 `T::per`: `d = a b + c` of this lane, rows g and g + 8, columns 2t and 2t + 1.
template <class T> inline void multiply(int site, float *d, const Fragments &own, const float *c) {
    exchange_all(site, own);
    unsigned g = lane() / 4, t = lane() % 4;
    float a[2][8 * T::per], b[2][8 * T::per];
    for (unsigned quad = 0; quad < 4; quad++) {
        // Row g of the first factor lies with the lanes of the group, column 2t of the second with lanes 8t and on.
        Fragments row = of<Fragments>(4 * g + quad);
        for (int part = 0; part < T::per; part++)
            for (int half = 0; half < 2; half++) {
                unsigned k = quad * T::per + part + half * 4 * T::per;
                a[0][k] = T::at(row.a[2 * half], part);
                a[1][k] = T::at(row.a[2 * half + 1], part);
                for (unsigned n = 0; n < 2; n++) b[n][k] = T::at(of<Fragments>(4 * (2 * t + n) + quad).b[half], part);
            }
    }
    for (int i = 0; i < 4; i++) {
        float sum = c[i];
        for (int k = 0; k < 8 * T::per; k++) sum += a[i / 2][k] * b[i % 2][k];
        d[i] = sum;
    }
}
} // namespace clf

#define CLF_MMA(NAME, T) \
    inline void NAME(int site, float &d0, float &d1, float &d2, float &d3, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, \
                     uint32_t b0, uint32_t b1, float c0, float c1, float c2, float c3) { \
        float d[4], c[4] = {c0, c1, c2, c3}; \
        clf::multiply<clf::T>(site, d, {{a0, a1, a2, a3}, {b0, b1}}, c); \
        d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3]; \
    }
CLF_MMA(clf_mma_sync_aligned_m16n8k8_row_col_f32_tf32_tf32_f32, Tf32)
CLF_MMA(clf_mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32, Bf16)
