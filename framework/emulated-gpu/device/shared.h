// Shared memory by its own addresses: asynchronous copies, matrices of 8 x 8 words of 16 bits.
#pragma once

namespace clf {
/// `bytes` of shared memory at address `at`; fails outside of what the launch asked for.
inline unsigned char *shared(size_t at, size_t bytes) {
    if (at + bytes > shared_bytes) fail("an address outside of the shared memory that the launch asked for");
    return clf_shared + at;
}
} // namespace clf

inline size_t __cvta_generic_to_shared(const void *p) { return (const unsigned char *)p - clf_shared; }

// `cp.async` copies at once: nothing is pending when a barrier is told to wait for it.
inline void clf_cp_async_cg_shared__cta_global(int, int size, uint32_t to, const void *from, uint32_t given) {
    unsigned char *at = clf::shared(to, size);
    if (given > unsigned(size)) clf::fail("cp.async is given more bytes than it writes");
    memcpy(at, from, given);
    memset(at + given, 0, size - given);
}
inline void clf_cp_async_cg_shared__cta_global(int site, int size, int given, uint32_t to, const void *from) {
    clf_cp_async_cg_shared__cta_global(site, size, to, from, uint32_t(given));
}
#define clf_cp_async_ca_shared__cta_global clf_cp_async_cg_shared__cta_global
inline void clf_cp_async_mbarrier_arrive_shared__cta_b64(int, uint32_t) {}

namespace clf {
/// The place of word `k` (0 or 1) of this lane in matrix `i`; lane `8 i + row` has given the address of the row.
template <bool TRANSPOSED> inline uint16_t *word(int i, unsigned k) {
    unsigned group = lane() / 4, pair = 2 * (lane() % 4) + k;
    unsigned row = TRANSPOSED ? pair : group, column = TRANSPOSED ? group : pair;
    return (uint16_t *)shared(of<uint32_t>(8 * i + row), 16) + column;
}
template <bool TRANSPOSED, int N> inline void load_matrices(int site, uint32_t at, uint32_t (&d)[N]) {
    exchange_all(site, at);
    for (int i = 0; i < N; i++) d[i] = *word<TRANSPOSED>(i, 0) | uint32_t(*word<TRANSPOSED>(i, 1)) << 16;
}
template <bool TRANSPOSED, int N> inline void store_matrices(int site, uint32_t at, const uint32_t (&d)[N]) {
    exchange_all(site, at);
    for (int i = 0; i < N; i++)
        for (unsigned k = 0; k < 2; k++) *word<TRANSPOSED>(i, k) = d[i] >> 16 * k;
    exchange_all(site, 0);
}
} // namespace clf

#define CLF_LOAD(N, SUFFIX) clf_ldmatrix_sync_aligned_m8n8_x##N##SUFFIX##_shared__cta_b16
#define CLF_STORE(N, SUFFIX) clf_stmatrix_sync_aligned_m8n8_x##N##SUFFIX##_shared__cta_b16
#define CLF_MATRICES(SUFFIX, TRANSPOSED) \
    inline void CLF_LOAD(1, SUFFIX)(int site, uint32_t &a, uint32_t at) { \
        uint32_t d[1]; \
        clf::load_matrices<TRANSPOSED>(site, at, d); \
        a = d[0]; \
    } \
    inline void CLF_LOAD(2, SUFFIX)(int site, uint32_t &a, uint32_t &b, uint32_t at) { \
        uint32_t d[2]; \
        clf::load_matrices<TRANSPOSED>(site, at, d); \
        a = d[0], b = d[1]; \
    } \
    inline void CLF_LOAD(4, SUFFIX)(int site, uint32_t &a, uint32_t &b, uint32_t &c, uint32_t &e, uint32_t at) { \
        uint32_t d[4]; \
        clf::load_matrices<TRANSPOSED>(site, at, d); \
        a = d[0], b = d[1], c = d[2], e = d[3]; \
    } \
    inline void CLF_STORE(1, SUFFIX)(int site, uint32_t at, uint32_t a) { clf::store_matrices<TRANSPOSED, 1>(site, at, {a}); } \
    inline void CLF_STORE(2, SUFFIX)(int site, uint32_t at, uint32_t a, uint32_t b) { \
        clf::store_matrices<TRANSPOSED, 2>(site, at, {a, b}); \
    } \
    inline void CLF_STORE(4, SUFFIX)(int site, uint32_t at, uint32_t a, uint32_t b, uint32_t c, uint32_t e) { \
        clf::store_matrices<TRANSPOSED, 4>(site, at, {a, b, c, e}); \
    }
CLF_MATRICES(, false)
CLF_MATRICES(_trans, true)
