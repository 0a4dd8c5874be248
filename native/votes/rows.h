// What is asked of the votes of all views (N,M), Gaussian by Gaussian (votes/agreement.py). Level-independent.
//
// What a view sees of a Gaussian under its masks is the sum over the masks of a layer, the fullest one of the view.
// A row's columns must ascend (SparseMatrix::ascending), and with them the views.
#pragma once

#include <cstdint>
#include <vector>

#include "sparse/sparse.h"

namespace splatseg {

struct MaskViews {
    const int32_t* view_of;   // (M,) 0..views - 1, ascending
    const int32_t* layer_of;  // (M,) 0..layers - 1
    int32_t views, layers;
};

// out (N,): sum_m W_im weight_m.
void weighted_rows(const SparseMatrix& votes, const float* weight, float* out, int threads);

// seen (N,): the sum of what all views see of each Gaussian under their masks.
void under_masks(const SparseMatrix& votes, const MaskViews& masks, float* seen, int threads);

// out (N,) 0 or 1: is sum_m W_im says_m above 0? The Gaussian's own `members` if the sum is 0.
void follow_majority(const SparseMatrix& votes, const float* says, const uint8_t* members, uint8_t* out, int threads);

// out (N,) 0 or 1: is sum_m W_im weight_m more than a half of sum_v W_iv quality_v? The Gaussian's own `members` if
// that is 0. Votes and quality must not be below 0.
void follow_matches(const SparseMatrix& votes, const MaskViews& masks, const float* weight, const float* quality,
                    const uint8_t* members, uint8_t* out, int threads);

// Which mask of a view is the best match of which segments: those of mask m are first[m] to first[m + 1].
struct Matches {
    const int64_t* first;     // (M+1,)
    const int32_t* segments;  // 0..K-1
    const float* quality;     // above 0
    const float* by_view;     // (K,V) quality of the segment's match in each view
    int64_t count;            // K
};

// out (N,): the segment with the largest share inside / seen, first of equals, if that is more than a half, that of the
// Gaussian's own segment is less, and more than `evidence` is seen of it; else its own segment, ids (N,) 0..K-1.
void reassigned(const SparseMatrix& votes, const MaskViews& masks, const Matches& matches, const int32_t* ids,
                float evidence, int32_t* out, int threads);

// out (M,): the lowest mask of those that a chain of Gaussians joins. A vote counts if it is `share` of the Gaussian's
// strongest and its mask is `heavy`. out also says what earlier blocks of rows have joined, at first each mask itself.
void joined_masks(const SparseMatrix& votes, const uint8_t* heavy, float share, int32_t* out, int threads);

// Entries of some rows, of one view: rows ascend, and within a row the columns.
struct ViewEntries {
    const int32_t *rows, *columns;
    const float* weights;
    int64_t count;
};

// Rows [begin, end) of a CSR matrix from the entries of all views, in the order of their columns. indptr (N+1,) is
// given. Throws std::invalid_argument for rows that do not ascend or do not have the entries that it says; nothing is
// written outside the places of the rows.
void stack_views(const ViewEntries* views, int64_t count, int64_t begin, int64_t end, const int64_t* indptr,
                 int32_t* columns, float* weights, int threads);

}  // namespace splatseg
