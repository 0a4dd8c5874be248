// Sparse matrices: made from sampled pixels or from CSR arrays, multiplied, written out.
#include "sparse/sparse.h"

#include <nanobind/stl/shared_ptr.h>

#include <memory>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "bindings/matrices.h"
#include "raster/pixels.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

using Matrix = std::shared_ptr<SparseMatrix>;

Matrix pixel_weights(const Plan& plan, Array<const int64_t, 2> pixels, int threads) {
    require(size(pixels, 1) == 2, "pixels must have shape (P, 2)");
    return run(threads, [&] {
        return std::make_shared<SparseMatrix>(
            splatseg::pixel_weights(kernels(), plan, pixels.data(), size(pixels, 0), threads));
    });
}

void sparse_product(const SparseMatrix& matrix, Floats<2> dense, Out<2> out, bool transposed, int threads) {
    const int64_t rows_in = transposed ? matrix.height : matrix.width;
    const int64_t rows_out = transposed ? matrix.width : matrix.height;
    const int64_t channels = size(dense, 1);
    require(has_shape(dense, rows_in), "dense must have a row for every column");
    require(has_shape(out, rows_out, channels), "out must have a row for every row, and the channels of dense");
    require_channels(channels);
    require_apart({out}, {dense, columns_of(matrix), weights_of(matrix)});
    run(threads, [&] {
        const auto product = transposed ? kernels().sparse_transposed_product : kernels().sparse_product;
        product(matrix, dense.data(), channels, out.data(), threads);
    });
}

void gram_product(const SparseMatrix& matrix, Floats<1> scales, Floats<2> dense, Array<double, 2> out, int threads) {
    const int64_t channels = size(dense, 1);
    require(has_shape(scales, matrix.height), "scales must have shape (height,)");
    require(has_shape(dense, matrix.width) && has_shape(out, matrix.width, channels),
            "dense and out must have shape (width, C)");
    require_channels(channels);
    require_apart({out}, {scales, dense, columns_of(matrix), weights_of(matrix)});
    run(threads, [&] { kernels().gram_product(matrix, scales.data(), dense.data(), channels, out.data(), threads); });
}

void write_csr(const SparseMatrix& matrix, Array<int64_t, 1> indptr, Array<int32_t, 1> columns, Out<1> weights,
               int threads) {
    require(has_shape(indptr, matrix.height + 1), "indptr must have shape (height + 1,)");
    require(has_shape(columns, matrix.entries) && has_shape(weights, matrix.entries),
            "columns and weights must have shape (entries,)");
    require(matrix.width <= INT32_MAX, "more than 2 billion columns");
    require_apart({indptr, columns, weights}, {columns_of(matrix), weights_of(matrix)});
    run(threads, [&] { splatseg::write_csr(matrix, indptr.data(), columns.data(), weights.data(), threads); });
}

Matrix csr_matrix(Array<const int64_t, 1> indptr, Array<const int32_t, 1> columns, Floats<1> weights, int64_t width,
                  int threads) {
    const int64_t height = size(indptr, 0) - 1;
    require(height >= 0 && height < UINT32_MAX, "indptr must have shape (height + 1,)");
    require(has_shape(columns, size(weights, 0)) && has_shape(columns, indptr.data()[height]),
            "columns and weights must have shape (entries,)");
    require(width >= 0 && width <= INT32_MAX, "width must be in 0..2^31 - 1");
    return run(threads, [&] {
        return std::make_shared<SparseMatrix>(
            borrowed_csr(indptr.data(), columns.data(), weights.data(), height, width, threads));
    });
}

}  // namespace

void add_sparse(nb::module_& m) {
    using namespace nb::literals;
    nb::class_<SparseMatrix>(m, "SparseMatrix")
        .def_prop_ro("height", [](const SparseMatrix& s) { return s.height; })
        .def_prop_ro("width", [](const SparseMatrix& s) { return s.width; })
        .def_prop_ro("entries", [](const SparseMatrix& s) { return s.entries; })
        .def_prop_ro("bytes", [](const SparseMatrix& s) { return s.bytes(); });
    m.def("pixel_weights", &pixel_weights, "plan"_a, "pixels"_a, "threads"_a);
    m.def("sparse_product", &sparse_product, "matrix"_a, "dense"_a, "out"_a, "transposed"_a, "threads"_a);
    m.def("gram_product", &gram_product, "matrix"_a, "scales"_a, "dense"_a, "out"_a, "threads"_a);
    m.def("write_csr", &write_csr, "matrix"_a, "indptr"_a, "columns"_a, "weights"_a, "threads"_a);
    // The matrix points into columns and weights: they live as long as it does.
    m.def("csr_matrix", &csr_matrix, "indptr"_a, "columns"_a, "weights"_a, "width"_a, "threads"_a,
          nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>());
}

}  // namespace splatseg::bindings
