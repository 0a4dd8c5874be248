// Nearest neighbours of points in space, and which of them touch.
#pragma once

#include <cstdint>

#include "memory/buffer.h"
#include "simd/lanes.h"

namespace splatseg {

struct Kernels;

constexpr int kMostNeighbours = 32;

// Points along a space-filling curve, 16 to a leaf, and boxes around 16 leaves, 16 of these, and so on.
struct Leaf {
    alignas(64) float x[kLanes], y[kLanes], z[kLanes];  // infinite where there is no point
    uint32_t ids[kLanes];
    int count;
};

struct BoxNode {  // the boxes of its children; where there is none, low is infinite
    alignas(64) float low[3][kLanes], high[3][kLanes];
};

struct PointTree {
    int64_t count = 0, leaf_count = 0;
    Buffer leaves;  // Leaf (leaf_count,)
    Buffer nodes;   // BoxNode, the level above the leaves first, the root last
    int levels = 0;
    int64_t first[16] = {};  // where a level starts
};

// points (n,3), finite.
PointTree point_tree(const float* points, int64_t count, int threads);

// neighbours (n,k) and squared distances (n,k), rising, of each point, itself left out. k < n, k <= kMostNeighbours.
struct Neighbours {
    uint32_t* ids;
    float* squares;
    int k;
};

// out (n,): the lowest point of those that are joined by chains of touching ones. A point touches those of its k
// nearest neighbours that are within `gap` times the median of all such distances, or within `reach_factor` times both
// reaches together.
void touching(const Kernels& kernels, const float* points, const float* reach, int64_t count, int k, float gap,
              float reach_factor, int32_t* out, int threads);

// out (n,k): those of a point's k nearest neighbours that it touches, in order of distance, and -1 for the others.
// Distances are compared in double precision.
void touching_neighbours(const Kernels& kernels, const float* points, const float* reach, int64_t count, int k,
                         float gap, float reach_factor, int32_t* out, int threads);

}  // namespace splatseg
