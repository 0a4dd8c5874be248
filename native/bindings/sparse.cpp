// Sparse matrices: made from sampled pixels or from CSR arrays, multiplied, written out.
#include "sparse/sparse.h"

#include <nanobind/stl/shared_ptr.h>

#include <algorithm>
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
    require_checked(matrix);
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

std::shared_ptr<GramSums> gram_sums(int64_t height, Floats<2> dense, int64_t room, int threads) {
    require(height >= 0 && room >= 0, "height and room must not be below 0");
    require_channels(size(dense, 1));
    return run(threads, [&] {
        return std::make_shared<GramSums>(
            splatseg::gram_sums(height, size(dense, 0), dense.data(), size(dense, 1), room, threads));
    });
}

void gram_product(const SparseMatrix& matrix, Floats<1> scales, GramSums& sums, int64_t index, int64_t count,
                  int threads) {
    require_checked(matrix);
    require(has_shape(scales, matrix.height), "scales must have shape (height,)");
    require(sums.width == matrix.width && sums.height == matrix.height, "the sums must be those of such a matrix");
    require(0 <= index && index < count && count <= INT32_MAX && index == sums.shares,
            "shares must come in order, 0 to count - 1");
    require(sums.added < sums.parts, "the sums are complete");
    ++sums.shares;
    run(threads, [&] { kernels().gram_product(matrix, scales.data(), sums, {index, count}, threads); });
}

void add_parts(GramSums& sums, Array<double, 2> out, int threads) {
    require(has_shape(out, sums.width, sums.channels), "out must have shape (width, C)");
    require_apart({out}, {});
    require(sums.shares > 0, "there must have been a share");
    run(threads, [&] { splatseg::add_parts(sums, out.data(), threads); });
}

void add_columns(const SparseMatrix& matrix, Array<double, 1> sums) {
    require_checked(matrix);
    require(has_shape(sums, matrix.width), "sums must have shape (width,)");
    require_apart({sums}, {columns_of(matrix), weights_of(matrix)});
    run(1, [&] { splatseg::add_columns(matrix, sums.data()); });
}

void add_to_groups(Floats<2> values, Array<const int32_t, 1> groups, Out<2> sums) {
    const int64_t count = size(sums, 0);
    require(has_shape(groups, size(values, 0)) && has_shape(sums, count, size(values, 1)),
            "values must have shape (n, C), groups (n,), sums (K, C)");
    require(std::all_of(groups.data(), groups.data() + groups.size(), [&](int32_t group) { return group < count; }),
            "groups must be below K");
    require_apart({sums}, {values, groups});
    run(1,
        [&] { splatseg::add_to_groups(values.data(), groups.data(), size(values, 0), size(values, 1), sums.data()); });
}

void order_by_group(Array<const int32_t, 1> groups, Array<const int64_t, 1> first, Array<int32_t, 1> order) {
    const int64_t count = size(groups, 0), group_count = size(first, 0) - 1;
    require(count <= INT32_MAX && group_count >= 0 && are_starts(first.data(), group_count, size(order, 0)),
            "first must ascend from 0 to the length of order");
    require_apart({order}, {groups, first});
    require(
        run(1, [&] { return splatseg::order_by_group(groups.data(), count, first.data(), group_count, order.data()); }),
        "first must have room for every group, and for no more");
}

void write_csr(const SparseMatrix& matrix, Array<int64_t, 1> indptr, Array<int32_t, 1> columns, Out<1> weights,
               int threads) {
    require_checked(matrix);
    require(has_shape(indptr, matrix.height + 1), "indptr must have shape (height + 1,)");
    require(has_shape(columns, matrix.entries) && has_shape(weights, matrix.entries),
            "columns and weights must have shape (entries,)");
    require(matrix.width <= INT32_MAX, "more than 2 billion columns");
    require_apart({indptr, columns, weights}, {columns_of(matrix), weights_of(matrix)});
    run(threads, [&] { splatseg::write_csr(matrix, indptr.data(), columns.data(), weights.data(), threads); });
}

template <class Start>
Matrix csr_rows(Array<const Start, 1> indptr, Array<const int32_t, 1> columns, Floats<1> weights, int64_t width) {
    const int64_t height = size(indptr, 0) - 1;
    require(height >= 0 && height < INT32_MAX, "indptr must have shape (height + 1,)");
    require(has_shape(columns, size(weights, 0)) && has_shape(columns, indptr.data()[height]),
            "columns and weights must have shape (entries,)");
    require(width >= 0 && width <= INT32_MAX, "width must be in 0..2^31 - 1");
    RowStarts starts;
    if constexpr (sizeof(Start) == sizeof(int64_t))
        starts.wide = indptr.data();
    else
        starts.narrow = indptr.data();
    // An empty array may lie nowhere; its matrix is borrowed all the same.
    static const uint32_t none = 0;
    const uint32_t* found = columns.data() ? reinterpret_cast<const uint32_t*>(columns.data()) : &none;
    return std::make_shared<SparseMatrix>(
        borrowed_csr({starts, found, weights.data()}, height, width, static_cast<uint64_t>(size(columns, 0))));
}

void check_until(SparseMatrix& matrix, int64_t end, int threads) {
    require(matrix.borrowed() && matrix.checked <= end && end <= matrix.height,
            "rows of a CSR matrix are checked from its first to its last");
    run(threads, [&] { splatseg::check_rows(matrix, end, threads); });
}

template <class Start>
Matrix csr_matrix(Array<const Start, 1> indptr, Array<const int32_t, 1> columns, Floats<1> weights, int64_t width,
                  int threads) {
    Matrix matrix = csr_rows<Start>(indptr, columns, weights, width);
    check_until(*matrix, matrix->height, threads);
    return matrix;
}

Matrix window(const SparseMatrix& matrix, int64_t begin, int64_t end) {
    require(matrix.borrowed() && !matrix.rows.as<SparseRow>(), "only of a CSR matrix");
    require(0 <= begin && begin <= end && end <= matrix.checked, "rows must be in 0..the last that was checked");
    return std::make_shared<SparseMatrix>(splatseg::window(matrix, begin, end));
}

Matrix picked(const SparseMatrix& matrix, Array<const int32_t, 1> numbers) {
    require(matrix.borrowed() && !matrix.rows.as<SparseRow>(), "only of a CSR matrix");
    require(std::all_of(numbers.data(), numbers.data() + numbers.size(),
                        [&](int32_t number) { return number >= 0 && number < matrix.checked; }),
            "rows must be in 0..the last that was checked");
    return std::make_shared<SparseMatrix>(splatseg::picked(matrix, numbers.data(), size(numbers, 0)));
}

// The matrix points into all three arrays: they live as long as it does.
template <class Start>
void add_csr(nb::module_& m) {
    using namespace nb::literals;
    m.def("csr_matrix", &csr_matrix<Start>, "indptr"_a, "columns"_a, "weights"_a, "width"_a, "threads"_a,
          nb::keep_alive<0, 1>(), nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>());
    m.def("csr_rows", &csr_rows<Start>, "indptr"_a, "columns"_a, "weights"_a, "width"_a, nb::keep_alive<0, 1>(),
          nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>());
}

}  // namespace

void add_sparse(nb::module_& m) {
    using namespace nb::literals;
    nb::class_<SparseMatrix>(m, "SparseMatrix")
        .def_prop_ro("height", [](const SparseMatrix& s) { return s.height; })
        .def_prop_ro("width", [](const SparseMatrix& s) { return s.width; })
        .def_prop_ro("entries", [](const SparseMatrix& s) { return s.entries; })
        .def_prop_ro("ascending", [](const SparseMatrix& s) { return s.ascending; })
        .def_prop_ro("bytes", [](const SparseMatrix& s) { return s.bytes(); })
        // What is made of a matrix points where it points.
        .def("window", &window, "begin"_a, "end"_a, nb::keep_alive<0, 1>())
        .def("picked", &picked, "numbers"_a, nb::keep_alive<0, 1>());
    nb::class_<GramSums>(m, "GramSums").def_prop_ro("rounds", &GramSums::rounds);
    m.def("pixel_weights", &pixel_weights, "plan"_a, "pixels"_a, "threads"_a);
    m.def("sparse_product", &sparse_product, "matrix"_a, "dense"_a, "out"_a, "transposed"_a, "threads"_a);
    m.def("gram_sums", &gram_sums, "height"_a, "dense"_a, "room"_a, "threads"_a);
    m.def("gram_product", &gram_product, "matrix"_a, "scales"_a, "sums"_a, "index"_a, "count"_a, "threads"_a);
    m.def("add_parts", &add_parts, "sums"_a, "out"_a, "threads"_a);
    m.def("add_columns", &add_columns, "matrix"_a, "sums"_a);
    m.def("add_to_groups", &add_to_groups, "values"_a, "groups"_a, "sums"_a);
    m.def("order_by_group", &order_by_group, "groups"_a, "first"_a, "order"_a);
    m.def("write_csr", &write_csr, "matrix"_a, "indptr"_a, "columns"_a, "weights"_a, "threads"_a);
    add_csr<int32_t>(m);
    add_csr<int64_t>(m);
    m.def("check_rows", &check_until, "matrix"_a, "end"_a, "threads"_a);
}

}  // namespace splatseg::bindings
