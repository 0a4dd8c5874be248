// CSR matrices in and out: rows that lie in the memory of others, rows written to it.
#include "sparse/sparse.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

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
    std::atomic<bool> bad{indptr[0] != 0}, ascending{true};
    const uint32_t* found = reinterpret_cast<const uint32_t*>(columns);
    parallel_ranges(height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
            // Ordered before they are subtracted: the difference of any two would overflow.
            const bool ordered =
                0 <= indptr[row] && indptr[row] <= indptr[row + 1] && indptr[row + 1] <= indptr[height];
            const int64_t count = ordered ? indptr[row + 1] - indptr[row] : 0;
            if (!ordered || count > UINT32_MAX) {
                bad = true;
                return;
            }
            uint32_t highest = 0, last = 0;
            bool rises = true;
            for (int64_t j = indptr[row]; j < indptr[row + 1]; ++j) {
                highest = std::max(highest, found[j]);
                rises &= found[j] >= std::exchange(last, found[j]);
            }
            if (count > 0 && highest >= static_cast<uint64_t>(width)) bad = true;
            if (!rises) ascending = false;
            matrix.rows.as<SparseRow>()[row] = {found + indptr[row], weights + indptr[row],
                                                static_cast<uint32_t>(count), static_cast<uint32_t>(row)};
        }
    });
    if (bad) throw std::invalid_argument("not a CSR matrix of this shape");
    matrix.entries = static_cast<uint64_t>(indptr[height]);
    matrix.ascending = ascending;
    return matrix;
}

void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads) {
    const SparseRow* rows = matrix.rows.as<SparseRow>();
    std::memset(indptr, 0, sizeof(int64_t) * (matrix.height + 1));
    for (int64_t r = 0; r < matrix.height; ++r) indptr[rows[r].row + 1] = rows[r].count;
    for (int64_t row = 0; row < matrix.height; ++row) indptr[row + 1] += indptr[row];
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = begin; r < end; ++r) {
            if (rows[r].count == 0) continue;  // it may point nowhere
            std::memcpy(columns + indptr[rows[r].row], rows[r].columns, sizeof(int32_t) * rows[r].count);
            std::memcpy(weights + indptr[rows[r].row], rows[r].weights, sizeof(float) * rows[r].count);
        }
    });
}

}  // namespace splatseg
