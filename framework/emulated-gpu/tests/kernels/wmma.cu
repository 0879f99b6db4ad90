#include <mma.h>
extern "C" __global__ void __launch_bounds__(32)  wmma(float const* const __restrict__ v1, float const* const __restrict__ v2, float * const __restrict__ v3) {
nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 8, nvcuda::wmma::precision::tf32, nvcuda::wmma::row_major> v4_store; nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 8, nvcuda::wmma::precision::tf32, nvcuda::wmma::row_major> * v4 = &v4_store;nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 8, nvcuda::wmma::precision::tf32, nvcuda::wmma::col_major> v5_store; nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 8, nvcuda::wmma::precision::tf32, nvcuda::wmma::col_major> * v5 = &v5_store;nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 8, float> v6_store; nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 8, float> * v6 = &v6_store;float const v7 = 0;
nvcuda::wmma::fill_fragment(*v6, v7);uint32_t const v8 = 8;
nvcuda::wmma::load_matrix_sync(*v4, reinterpret_cast<float const *>(v1), v8);nvcuda::wmma::load_matrix_sync(*v5, reinterpret_cast<float const *>(v2), v8);for(int t=0; t<v4->num_elements; t++) { v4->x[t] = nvcuda::wmma::__float_to_tf32(v4->x[t]); }
for(int t=0; t<v5->num_elements; t++) { v5->x[t] = nvcuda::wmma::__float_to_tf32(v5->x[t]); }
nvcuda::wmma::mma_sync(*v6, *v4, *v5, *v6);nvcuda::wmma::store_matrix_sync(reinterpret_cast<float *>(v3), *v6, 16, nvcuda::wmma::mem_row_major);__syncwarp();
}
