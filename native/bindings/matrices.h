// What the groups ask of a sparse matrix before they use it.
#pragma once

#include <algorithm>
#include <functional>

#include "bindings/checks.h"
#include "sparse/sparse.h"

namespace splatseg::bindings {

// Where the first to the last row lie that a matrix made of the caller's arrays has; nowhere for any other. Picked rows
// are anywhere in these arrays, so all that lies between them belongs to the arrays, too.
template <class T>
Bytes span_of(const SparseMatrix& matrix, const T* SparseRow::* part) {
    if (!matrix.borrowed() || matrix.height == 0) return {nullptr, 0};
    if (!matrix.rows.as<SparseRow>()) return {row_at(matrix, 0).*part, matrix.entries * sizeof(T)};
    const T *begin = row_at(matrix, 0).*part, *end = begin;
    for (int64_t place = 0; place < matrix.height; ++place) {
        const SparseRow row = row_at(matrix, place);
        begin = std::min(begin, row.*part, std::less<>());
        end = std::max(end, row.*part + row.count, std::less<>());
    }
    return {begin, (end - begin) * sizeof(T)};
}

inline Bytes columns_of(const SparseMatrix& matrix) { return span_of(matrix, &SparseRow::columns); }

inline Bytes weights_of(const SparseMatrix& matrix) { return span_of(matrix, &SparseRow::weights); }

// Rows that were not looked at may point anywhere.
inline void require_checked(const SparseMatrix& matrix) {
    require(!matrix.borrowed() || matrix.checked == matrix.height, "all rows of the matrix must have been checked");
}

}  // namespace splatseg::bindings
