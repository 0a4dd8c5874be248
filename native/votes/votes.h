// Votes for labels: how much of every Gaussian the pixels of each label see.
#pragma once

#include "sparse/sparse.h"

namespace splatseg {

struct Kernels;
struct Plan;

struct LabelMaps {
    const int32_t* labels;  // (L,H,W) 0..count, 0 = none
    int64_t layers;         // L
    int64_t count;
};

// Votes of one tile for one of its entries.
struct EntryVotes {
    const uint32_t* labels;  // from 1, each once
    const float* weights;
    uint32_t count;
    float total;  // over all pixels of the tile, of whatever label
};

// Weights (N, count), of label j in column j - 1, ascending within a row; totals (N,) over all pixels of the image.
// A label in several layers counts in each. Throws std::invalid_argument for a label beyond count.
SparseMatrix vote(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, float* totals, int threads);

}  // namespace splatseg
