// What is asked of the votes of all views (N,M), Gaussian by Gaussian (votes/agreement.py). Level-independent.
//
// What a view sees of a Gaussian under its masks is the sum over the masks of a layer, the fullest one of the view.
// A row's columns must ascend (SparseMatrix::ascending), and with them the views.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sparse/sparse.h"

namespace splatseg {

struct MaskViews {
    const int32_t* view_of;   // (M,) 0..views - 1, ascending
    const int32_t* layer_of;  // (M,) 0..layers - 1
    int32_t views, layers;
};

// Sums of a group that are not 0, by number: mask m has the number m, view v the number M + v. Numbers ascend.
struct SparseSums {
    std::vector<int32_t> numbers;
    std::vector<float> sums;
};

// Tallies on their way. A group's rows are summed 65,536 at a time, in their order, and these sums are added in their
// order, wherever blocks end. A group has something of few masks, so nothing has K x M places.
struct OpenTallies {
    int64_t masks, views;                // M, V
    std::vector<int64_t> members;        // (K,) rows of each group so far
    std::vector<SparseSums> whole;       // (K,) the first sum of each group, and what was added to it
    std::map<int64_t, SparseSums> last;  // the last sum of each group, after the first, until it is full

    OpenTallies(int64_t count, int64_t masks, int64_t views)
        : masks(masks), views(views), members(count), whole(count) {}
};

// Adds to each group 0..K-1 what masks have and views see of its Gaussians in a block of rows. groups (N,), below 0 =
// in none. The votes are of the masks of `open`.
void tallies(const SparseMatrix& votes, const MaskViews& masks, const int32_t* groups, OpenTallies& open, int threads);

// The number of sums, after the last block: those of write_tallies().
int64_t close_tallies(OpenTallies& open);

// numbers and sums of all groups, those of group k from first[k] on; first (K+1,).
void write_tallies(const OpenTallies& open, int64_t* first, int32_t* numbers, float* sums);

// A sparse vector: numbers ascend.
struct SparseVector {
    const int32_t* numbers;
    const float* sums;
    int64_t count;
};

// The sum of two sparse vectors, written to numbers and sums, which have room for both; returns its length.
int64_t add_sparse_vectors(const SparseVector& one, const SparseVector& other, int32_t* numbers, float* sums);

// What is known of all masks (M,): their views, ascending, and their pixels on all Gaussians.
struct OfMasks {
    const int32_t* view_of;
    const float* total;
    int64_t count;
};

// (V,) of every view, for a set: the mask that overlaps it most, the first of equals, and that IoU; and the most that
// IoU x inside is of any mask. -1, 0 and 0 before, and wherever no mask has anything of the set.
struct BestMasks {
    int32_t* columns;
    float *overlaps, *explained;
};
void best_masks(const SparseVector& tally, const OfMasks& masks, const BestMasks& best);

// (V,) of every view, for two sets that have no Gaussian in common, with the IoU of their union: the most that IoU x
// inside of the one and of the other is; and the most that the other's own IoU x (1 - inside / seen of the one) is.
// All are 0 before.
void explained_by_union(const SparseVector& one, const SparseVector& other, const OfMasks& masks, float* of_one,
                        float* of_other, float* left);

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
