// Sparse matrices of weights: pixels x Gaussians, Gaussians x pixels, Gaussians x labels. Level-independent.
#pragma once

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

struct SparseMatrix {
    int64_t height = 0, width = 0;
    uint64_t entries = 0;
    bool ascending = false;     // rows lie in order, and the columns of each ascend
    Buffer rows;                // SparseRow (height,), in any order
    std::vector<Arena> arenas;  // what the rows point to

    size_t bytes() const;
};

// The CSR matrix that is in the memory of others, who keep it. Throws std::invalid_argument for rows that do not follow
// one another and for columns outside 0..width - 1.
SparseMatrix borrowed_csr(const int64_t* indptr, const int32_t* columns, const float* weights, int64_t height,
                          int64_t width, int threads);

// indptr (height + 1,), columns and weights (entries,), rows ascending.
void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads);

}  // namespace splatseg
