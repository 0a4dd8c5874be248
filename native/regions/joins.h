// Heights at which the regions of an image join in a merge tree, summed over Gaussians and over sets of them.
#pragma once

#include <cstdint>

namespace splatseg {

// T trees of R regions. The leaves of a tree stand in an order in which every node is a range of places; the height at
// which two regions join is the greatest of the gaps between their places. `gaps` (T, levels, R) holds the greatest of
// 2^level gaps from a place on, so that the greatest of any range is that of two entries.
struct JoinTrees {
    int64_t trees, levels, regions;
    const int32_t* places;  // (T,R)
    const float* gaps;
};

// Adds to sums (E,T) and totals (E,), for every pair of Gaussians `ends` (E,2) that both have a region in `region_of`
// (N,), -1 = none: the lesser of their weights (N,), and times that the height at which their regions join.
void add_contacts(const JoinTrees& trees, const int32_t* region_of, const float* weights, int64_t pairs,
                  const int32_t* ends, double* sums, double* totals, int threads);

// One tree as merges (R - 1, 2), of which the k-th makes node R + k at height k.
struct MergeTree {
    int64_t regions;
    const int32_t* merges;
    const float* heights;
};

// Sets of Gaussians, 0..K - 1, by regions: those of region r are entries starts[r]..starts[r + 1] - 1, sets rising.
struct SetsOfRegions {
    int64_t count;          // K
    const int64_t* starts;  // (R + 1,)
    const int32_t* sets;
    const float* amounts;
};

// Adds to sums (K,K) at (p, q), for all pairs of regions r and s that join as a left and a right side: the height times
// what p has in r and q in s. The sum and its transpose are all pairs in both orders.
void add_joins(const MergeTree& tree, const SetsOfRegions& sets, double* sums);

}  // namespace splatseg
