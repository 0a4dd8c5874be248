// CSR matrices in and out: rows that lie in the memory of others, rows written to it.
#include "sparse/sparse.h"

#include <atomic>
#include <cstring>
#include <stdexcept>

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kRowsAtOnce = 256;

}  // namespace

size_t SparseMatrix::bytes() const {
    size_t sum = sizeof(SparseRow) * height;
    for (const Arena& arena : arenas) sum += arena.bytes();
    return sum;
}

SparseMatrix borrowed_csr(const int64_t* indptr, const int32_t* columns, const float* weights, int64_t height,
                          int64_t width, int threads) {
    SparseMatrix matrix;
    matrix.height = height;
    matrix.width = width;
    matrix.rows = Buffer(sizeof(SparseRow) * height);
    std::atomic<bool> bad{indptr[0] != 0};
    const uint32_t* found = reinterpret_cast<const uint32_t*>(columns);
    parallel_ranges(height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t count = indptr[row + 1] - indptr[row];
            if (count < 0 || count > UINT32_MAX || indptr[row] < 0 || indptr[row + 1] > indptr[height]) {
                bad = true;
                return;
            }
            for (int64_t j = indptr[row]; j < indptr[row + 1]; ++j)
                if (found[j] >= static_cast<uint64_t>(width)) bad = true;
            matrix.rows.as<SparseRow>()[row] = {found + indptr[row], weights + indptr[row],
                                                static_cast<uint32_t>(count), static_cast<uint32_t>(row)};
        }
    });
    if (bad) throw std::invalid_argument("not a CSR matrix of this shape");
    matrix.entries = static_cast<uint64_t>(indptr[height]);
    return matrix;
}

void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads) {
    const SparseRow* rows = matrix.rows.as<SparseRow>();
    std::memset(indptr, 0, sizeof(int64_t) * (matrix.height + 1));
    for (int64_t r = 0; r < matrix.height; ++r) indptr[rows[r].row + 1] = rows[r].count;
    for (int64_t row = 0; row < matrix.height; ++row) indptr[row + 1] += indptr[row];
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = begin; r < end; ++r) {
            std::memcpy(columns + indptr[rows[r].row], rows[r].columns, sizeof(int32_t) * rows[r].count);
            std::memcpy(weights + indptr[rows[r].row], rows[r].weights, sizeof(float) * rows[r].count);
        }
    });
}

}  // namespace splatseg
