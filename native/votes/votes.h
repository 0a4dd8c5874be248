// Votes for labels: how much of every Gaussian the pixels of each label see.
#pragma once

#include <vector>

#include "memory/arena.h"
#include "sparse/sparse.h"

namespace splatseg {

struct Kernels;
struct Plan;

struct LabelMaps {
    const int32_t* labels;  // (L,H,W) 0..count, 0 = none
    int64_t layers;         // L
    int64_t count;
};

// Votes of one tile for one of its entries, which many entries have none of: one pointer then, and one line of memory
// for those that have.
struct EntryVotes {
    const uint32_t* record;  // null, or: number of labels, total over all pixels of the tile, labels, weights

    uint32_t count() const { return record[0]; }
    float total() const { return reinterpret_cast<const float*>(record)[1]; }
    const uint32_t* labels() const { return record + 2; }  // from 1, each once
    const float* weights() const { return reinterpret_cast<const float*>(record) + 2 + record[0]; }
};

// Weights (N, count), of label j in column j - 1, ascending within a row; totals (N,) over all pixels of the image.
// A label in several layers counts in each. Throws std::invalid_argument for a label beyond count.
SparseMatrix vote(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, float* totals, int threads);

// Which votes are kept: those above `least` and above `share` of the Gaussian's total. Those of the label `ignored`, 0
// = none, are taken from the total, which does not fall below zero, and dropped.
struct Floors {
    float share, least;
    int32_t ignored;
};

// Votes that are kept, Gaussian by Gaussian, columns ascending.
struct KeptVotes {
    struct Piece {              // of kGroup Gaussians
        const uint32_t* words;  // rows (count,), columns (count,), weights (count,)
        uint32_t count;
    };
    int64_t pieces_count = 0;
    Buffer pieces;  // Piece (pieces_count,)
    uint64_t entries = 0;
    std::vector<Arena> arenas;  // what the pieces point to
};

// `vote`, and what of it is kept; totals (N,) without what is ignored.
KeptVotes vote_above(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, const Floors& floors,
                     float* totals, int threads);

// rows, columns, weights (entries,)
void write_entries(const KeptVotes& votes, int32_t* rows, int32_t* columns, float* weights, int threads);

}  // namespace splatseg
