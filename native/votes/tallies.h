// What every mask has of a set of Gaussians and every view sees of it (votes/tallies.py). Level-independent.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sparse/sparse.h"
#include "votes/rows.h"

namespace splatseg {

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

}  // namespace splatseg
