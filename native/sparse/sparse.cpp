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
    size_t sum = rows.as<SparseRow>() ? sizeof(SparseRow) * height : 0;
    for (const Arena& arena : arenas) sum += arena.bytes();
    return sum;
}

SparseMatrix borrowed_csr(const BorrowedCsr& csr, int64_t height, int64_t width, uint64_t entries) {
    SparseMatrix matrix;
    matrix.height = height;
    matrix.width = width;
    matrix.entries = entries;
    matrix.ascending = true;
    matrix.csr = csr;
    return matrix;
}

void check_rows(SparseMatrix& matrix, int64_t end, int threads) {
    const int64_t first = matrix.checked;
    const RowStarts& starts = matrix.csr.starts;
    const int64_t entries = static_cast<int64_t>(matrix.entries);
    std::atomic<bool> bad{starts[0] != 0 || starts[matrix.height] != entries}, ascending{true};
    parallel_ranges(end - first, kRowsAtOnce, threads, [&](int64_t from, int64_t to, int) {
        for (int64_t row = first + from; row < first + to; ++row) {
            // Ordered before they are subtracted: the difference of any two would overflow.
            const bool ordered = 0 <= starts[row] && starts[row] <= starts[row + 1] && starts[row + 1] <= entries;
            if (!ordered || starts[row + 1] - starts[row] > UINT32_MAX) {
                bad = true;
                return;
            }
            uint32_t highest = 0, last = 0;
            bool rises = true;
            for (int64_t j = starts[row]; j < starts[row + 1]; ++j) {
                const uint32_t column = matrix.csr.columns[j];
                highest = std::max(highest, column);
                rises &= column >= std::exchange(last, column);
            }
            if (starts[row] < starts[row + 1] && highest >= static_cast<uint64_t>(matrix.width)) bad = true;
            if (!rises) ascending = false;
        }
    });
    if (bad) throw std::invalid_argument("not a CSR matrix of this shape");
    matrix.ascending = matrix.ascending && ascending;
    matrix.checked = end;
}

SparseMatrix window(const SparseMatrix& matrix, int64_t begin, int64_t end) {
    SparseMatrix rows = borrowed_csr(matrix.csr, end - begin, matrix.width,
                                     static_cast<uint64_t>(matrix.csr.starts[end] - matrix.csr.starts[begin]));
    RowStarts& starts = rows.csr.starts;
    if (starts.wide)
        starts.wide += begin;
    else
        starts.narrow += begin;
    rows.ascending = matrix.ascending;
    rows.checked = rows.height;
    return rows;
}

SparseMatrix picked(const SparseMatrix& matrix, const int32_t* numbers, int64_t count) {
    SparseMatrix few = borrowed_csr(matrix.csr, count, matrix.width, 0);
    few.ascending = matrix.ascending;
    few.checked = count;
    few.rows = Buffer(sizeof(SparseRow) * std::max<int64_t>(count, 1));
    for (int64_t i = 0; i < count; ++i) {
        few.rows.as<SparseRow>()[i] = row_at(matrix, numbers[i]);
        few.rows.as<SparseRow>()[i].row = static_cast<uint32_t>(i);
        few.entries += few.rows.as<SparseRow>()[i].count;
    }
    return few;
}

void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads) {
    std::memset(indptr, 0, sizeof(int64_t) * (matrix.height + 1));
    for (int64_t r = 0; r < matrix.height; ++r) {
        const SparseRow row = row_at(matrix, r);
        indptr[row.row + 1] = row.count;
    }
    for (int64_t row = 0; row < matrix.height; ++row) indptr[row + 1] += indptr[row];
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = begin; r < end; ++r) {
            const SparseRow row = row_at(matrix, r);
            if (row.count == 0) continue;  // it may point nowhere
            std::memcpy(columns + indptr[row.row], row.columns, sizeof(int32_t) * row.count);
            std::memcpy(weights + indptr[row.row], row.weights, sizeof(float) * row.count);
        }
    });
}

}  // namespace splatseg
