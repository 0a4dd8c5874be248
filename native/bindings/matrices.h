// What the groups ask of a sparse matrix before they use it.
#pragma once

#include "bindings/checks.h"
#include "sparse/sparse.h"

namespace splatseg::bindings {

// Where the columns and weights of a matrix lie that was made of the caller's arrays; nowhere for any other.
inline Bytes columns_of(const SparseMatrix& matrix) {
    const bool borrowed = matrix.arenas.empty() && matrix.height > 0;
    return {borrowed ? matrix.rows.as<SparseRow>()[0].columns : nullptr,
            borrowed ? matrix.entries * sizeof(uint32_t) : 0};
}

inline Bytes weights_of(const SparseMatrix& matrix) {
    const bool borrowed = matrix.arenas.empty() && matrix.height > 0;
    return {borrowed ? matrix.rows.as<SparseRow>()[0].weights : nullptr, borrowed ? matrix.entries * sizeof(float) : 0};
}

}  // namespace splatseg::bindings
