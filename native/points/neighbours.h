// Nearest neighbours of points in space, and which of them touch.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "memory/buffer.h"
#include "simd/lanes.h"

namespace splatseg {

struct Kernels;

constexpr int kMostNeighbours = 32;

// Points along a space-filling curve, 16 to a leaf, and boxes around 16 leaves, 16 of these, and so on.
struct Leaf {
    float x[kLanes], y[kLanes], z[kLanes];  // infinite where there is no point
    uint32_t ids[kLanes];
};

struct BoxNode {  // the boxes of its children; where there is none, low is infinite
    alignas(64) float low[3][kLanes], high[3][kLanes];
};

struct PointTree {
    int64_t count = 0, leaf_count = 0;
    int64_t numbers = 0;     // points that the ids count
    Leaf* leaves = nullptr;  // (leaf_count,)
    Buffer nodes;            // BoxNode, the level above the leaves first, the root last
    int levels = 0;
    int64_t first[16] = {};  // where a level starts
    Buffer own_leaves;       // what `leaves` points to, unless the caller gave memory

    int size_of(int64_t leaf) const { return static_cast<int>(leaf + 1 < leaf_count ? kLanes : count - leaf * kLanes); }
};

// points (n,3), of which those with use[i] != 0 are put into the tree, or all without `use` (null); they must be
// finite. leaves: memory for all of them, (n + 15) / 16, or null. Points are sorted a part at a time: beside the leaves
// it takes 1.6 bytes a point, and 32 for each of those that are sorted at once, a million or a 16th of all.
PointTree point_tree(const float* points, const uint8_t* use, int64_t count, Leaf* leaves, int threads);

// neighbours and squared distances, rising, of each point of the leaves [begin, end), itself left out: (16 leaves, k)
// in the order of the tree. k < count, k <= kMostNeighbours.
struct Neighbours {
    uint32_t* ids;
    float* squares;
    int k;
    int64_t begin, end;
};

// out (q,): the point of the tree nearest to each of the queries (q,3), which must be finite; of equally near ones, the
// lowest. Distances are compared in double precision. The tree must not be empty.
struct Queries {
    const float* points;
    int64_t count;
    int32_t* out;
};

// When points touch: a point touches those of its k nearest neighbours that are within `gap` times the median of all
// such distances, or within `reach_factor` times both reaches together.
struct TouchingRule {
    int k;
    float gap, reach_factor;
    int64_t kept;  // distances that are kept for their median; of more, only how many there are of each
};

// out (n,): which of the sets that are joined by chains of touching points each is in, 0 the largest; sets of one size
// in the order of their first points. Points that are not in the tree touch nothing.
void touching(const Kernels& kernels, const PointTree& tree, const float* reach, const TouchingRule& rule, int32_t* out,
              int threads);

// Pairs (low, high) of groups (n,), above 0, of which at least `least` of their points touch one of the other's, each
// counted as often as it touches; rising. Distances are compared in double precision; points (n,3).
std::vector<std::pair<int32_t, int32_t>> touching_groups(const Kernels& kernels, const PointTree& tree,
                                                         const float* points, const float* reach, const int32_t* groups,
                                                         const TouchingRule& rule, int least, int threads);

// out (n,k): those of a point's k nearest neighbours that it touches, in order of distance, and -1 for the others.
// Distances are compared in double precision. All points are in the tree.
void touching_neighbours(const Kernels& kernels, const PointTree& tree, const float* points, const float* reach,
                         const TouchingRule& rule, int32_t* out, int threads);

}  // namespace splatseg
