// Sparse matrices of weights: pixels x Gaussians, Gaussians x pixels, Gaussians x labels. Level-independent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "memory/arena.h"
#include "memory/buffer.h"

namespace splatseg {

struct SparseRow {
    const uint32_t* columns;
    const float* weights;
    uint32_t count, row;
};

// Where the rows of a CSR matrix start, in numbers of 32 or of 64 bits.
struct RowStarts {
    const int32_t* narrow = nullptr;
    const int64_t* wide = nullptr;

    int64_t operator[](int64_t row) const { return wide ? wide[row] : narrow[row]; }
};

// A CSR matrix in the memory of others, who keep it: perhaps a file that is mapped into memory.
struct BorrowedCsr {
    RowStarts starts;  // (height + 1,) of the first row on
    const uint32_t* columns = nullptr;
    const float* weights = nullptr;
};

struct SparseMatrix {
    int64_t height = 0, width = 0;
    uint64_t entries = 0;
    bool ascending = false;     // rows lie in order, and the columns of each ascend
    Buffer rows;                // SparseRow (height,), in any order; none if the matrix is all borrowed
    std::vector<Arena> arenas;  // what the rows point to
    BorrowedCsr csr;            // or what they are
    int64_t checked = 0;        // rows of `csr` that are known to be good, from the first on

    bool borrowed() const { return csr.columns != nullptr; }
    size_t bytes() const;
};

namespace {  // internal linkage: every SIMD level must keep its own copy of what it inlines

// A row by its place, which is its number in a matrix that is borrowed.
inline SparseRow row_at(const SparseMatrix& matrix, int64_t place) {
    if (matrix.rows.as<SparseRow>()) return matrix.rows.as<SparseRow>()[place];
    const int64_t begin = matrix.csr.starts[place], end = matrix.csr.starts[place + 1];
    return {matrix.csr.columns + begin, matrix.csr.weights + begin, static_cast<uint32_t>(end - begin),
            static_cast<uint32_t>(place)};
}

}  // namespace

// The CSR matrix (height,width) of `entries`. No row of it may be read before check_rows() found it good.
SparseMatrix borrowed_csr(const BorrowedCsr& csr, int64_t height, int64_t width, uint64_t entries);

// Checks the rows [checked, end) of a borrowed matrix. Throws std::invalid_argument for rows that do not follow one
// another and for columns outside 0..width - 1.
void check_rows(SparseMatrix& matrix, int64_t end, int threads);

// Rows [begin, end) of a borrowed matrix, which are good.
SparseMatrix window(const SparseMatrix& matrix, int64_t begin, int64_t end);

// The rows numbers[0], numbers[1], ... of a borrowed matrix, which are good, as rows 0, 1, ...
SparseMatrix picked(const SparseMatrix& matrix, const int32_t* numbers, int64_t count);

// Sums of A^T diag(s) A x on their way (kernel gram_product): x and one sum for each part of the rows, in rows of whole
// vectors. There are as many sums at a time as there is room for: those of one round, which are added up at its end.
struct GramSums {
    int64_t height = 0, width = 0, channels = 0, stride = 0, parts = 0;
    int64_t at_once = 0;  // parts of a round, fewer in the last
    int64_t added = 0;    // parts of the rounds before
    int64_t shares = 0;   // taken so far in this round
    Buffer dense;         // float (width, stride)
    Buffer of_parts;      // float (at_once, width, stride)

    int64_t rounds() const { return (parts + at_once - 1) / at_once; }
    int64_t of_round() const { return std::min(at_once, parts - added); }
};

// Every part's rows [n index / count, n (index + 1) / count) of its n, of the parts of a round. Shares come in order,
// from 0 on.
struct Share {
    int64_t index, count;
};

// Sums for a matrix (height,width), with x = dense (width, channels), before the first share. The sums of a round take
// `room` bytes at most, but there is one for each thread.
GramSums gram_sums(int64_t height, int64_t width, const float* dense, int64_t channels, int64_t room, int threads);

// out (width, channels), zero before the first round, += the sums of the round's parts, in their order. The next round
// begins.
void add_parts(GramSums& sums, double* out, int threads);

// sums (M,) += the columns of the matrix (N,M), in the order of its rows.
void add_columns(const SparseMatrix& matrix, double* sums);

// sums (K,C) += the rows of values (n,C) whose group 0..K-1 it is, in their order; below 0: none.
void add_to_groups(const float* values, const int32_t* groups, int64_t count, int64_t channels, float* sums);

// order (first[K],): the numbers of those of groups (n,) that are k from first[k] on, rising; below 0: none. False if
// first (K+1,) has not as much room for each group as it needs.
bool order_by_group(const int32_t* groups, int64_t count, const int64_t* first, int64_t group_count, int32_t* order);

// indptr (height + 1,), columns and weights (entries,), rows ascending.
void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads);

}  // namespace splatseg
