// What the groups ask of a sparse matrix before they use it.
#pragma once

#include "bindings/checks.h"
#include "sparse/sparse.h"

namespace splatseg::bindings {

// Where the columns and weights of a matrix lie that was made of the caller's arrays; nowhere for any other.
inline Bytes columns_of(const SparseMatrix& matrix) {
    if (!matrix.borrowed() || matrix.height == 0) return {nullptr, 0};
    return {row_at(matrix, 0).columns, matrix.entries * sizeof(uint32_t)};
}

inline Bytes weights_of(const SparseMatrix& matrix) {
    if (!matrix.borrowed() || matrix.height == 0) return {nullptr, 0};
    return {row_at(matrix, 0).weights, matrix.entries * sizeof(float)};
}

// Rows that were not looked at may point anywhere.
inline void require_checked(const SparseMatrix& matrix) {
    require(!matrix.borrowed() || matrix.checked == matrix.height, "all rows of the matrix must have been checked");
}

}  // namespace splatseg::bindings
