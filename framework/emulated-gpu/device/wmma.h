// `nvcuda::wmma`: products of tensor cores over fragments. Element `lane + 32 i`, by rows, is the i-th of a lane.
#pragma once

namespace nvcuda { namespace wmma {
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
namespace precision { struct tf32 {}; }
enum layout_t { mem_row_major, mem_col_major };

template <class T> struct Stored { typedef T type; };
template <> struct Stored<precision::tf32> { typedef float type; };
template <class Use, int M, int N, int K> struct Size;
template <int M, int N, int K> struct Size<matrix_a, M, N, K> { static constexpr int rows = M, columns = K; };
template <int M, int N, int K> struct Size<matrix_b, M, N, K> { static constexpr int rows = K, columns = N; };
template <int M, int N, int K> struct Size<accumulator, M, N, K> { static constexpr int rows = M, columns = N; };

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
    static constexpr int rows = Size<Use, M, N, K>::rows, columns = Size<Use, M, N, K>::columns;
    static constexpr int num_elements = rows * columns / 32;
    typedef typename Stored<T>::type element;
    element x[num_elements];
};

/// To nearest, half away from zero, as `cvt.rna.tf32.f32` does.
inline float __float_to_tf32(float value) {
    uint32_t x = clf::bits(value);
    return (x & 0x7f800000) == 0x7f800000 ? value : clf::real((x + 0x1000) & 0xffffe000u);
}

template <class F, class V> inline void fill_fragment(F &f, V value) {
    for (auto &x : f.x) x = value;
}

/// Where the i-th element of this lane lies in memory.
template <class F> inline size_t place(int i, size_t stride, bool by_rows) {
    unsigned e = clf::lane() + 32 * i, row = e / F::columns, column = e % F::columns;
    return by_rows ? row * stride + column : column * stride + row;
}
template <class F, class P> inline void load(F &f, const P *from, unsigned stride, bool by_rows) {
    auto memory = (const typename F::element *)from;
    for (int i = 0; i < F::num_elements; i++) f.x[i] = memory[place<F>(i, stride, by_rows)];
}
template <class U, int M, int N, int K, class T, class L, class P>
inline void load_matrix_sync(int site, fragment<U, M, N, K, T, L> &f, const P *from, unsigned stride) {
    clf::exchange_all(site, 0);
    load(f, from, stride, std::is_same<L, row_major>::value);
}
template <class U, int M, int N, int K, class T, class P>
inline void load_matrix_sync(int site, fragment<U, M, N, K, T, void> &f, const P *from, unsigned stride, layout_t layout) {
    clf::exchange_all(site, 0);
    load(f, from, stride, layout == mem_row_major);
}
template <class F, class P> inline void store_matrix_sync(int site, P *to, const F &f, unsigned stride, layout_t layout) {
    clf::exchange_all(site, 0);
    for (int i = 0; i < F::num_elements; i++) to[place<F>(i, stride, layout == mem_row_major)] = f.x[i];
}

inline float seen(float value, precision::tf32 *) { return clf::as_tf32(value); }
template <class T> inline float seen(T value, T *) { return float(value); }

template <int M, int N, int K, class T, class LA, class LB, class A>
inline void mma_sync(int site, fragment<accumulator, M, N, K, A> &d, const fragment<matrix_a, M, N, K, T, LA> &a,
                     const fragment<matrix_b, M, N, K, T, LB> &b, const fragment<accumulator, M, N, K, A> &c) {
    struct Both { fragment<matrix_a, M, N, K, T, LA> a; fragment<matrix_b, M, N, K, T, LB> b; };
    clf::exchange_all(site, Both{a, b});
    const clf::Lane *warp = clf::current - clf::lane();
    for (int i = 0; i < d.num_elements; i++) {
        unsigned e = clf::lane() + 32 * i, row = e / N, column = e % N;
        float sum = float(c.x[i]);
        for (unsigned k = 0; k < K; k++) {
            unsigned p = row * K + k, q = k * N + column;
            auto left = (const Both *)warp[p % 32].published, right = (const Both *)warp[q % 32].published;
            sum += seen(left->a.x[p / 32], (T *)nullptr) * seen(right->b.x[q / 32], (T *)nullptr);
        }
        d.x[i] = sum;
    }
}
}} // namespace nvcuda::wmma

#define load_matrix_sync(...) load_matrix_sync(__COUNTER__, __VA_ARGS__)
#define store_matrix_sync(...) store_matrix_sync(__COUNTER__, __VA_ARGS__)
#define mma_sync(...) mma_sync(__COUNTER__, __VA_ARGS__)
