// What a view sees of a Gaussian under its masks: the sum over the masks of a layer, the fullest one of the view.
// Level-independent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "votes/rows.h"

namespace splatseg {
namespace {

// The place behind the entries of the view of entry `begin`: columns ascend, and with them the views, so a view is one
// run of columns.
uint32_t end_of_view(const SparseRow& row, const MaskViews& masks, uint32_t begin) {
    const int32_t view = masks.view_of[row.columns[begin]];
    uint32_t end = begin + 1;
    while (end < row.count && masks.view_of[row.columns[end]] == view) ++end;
    return end;
}

// What a view sees of the row, whose entries [begin, end) are the view's; `layers` is scratch, all zero before and
// after.
float seen_by_view(const SparseRow& row, const MaskViews& masks, uint32_t begin, uint32_t end, float* layers) {
    float seen = 0.0f;
    if (masks.layers == 1) {
        float sum = 0.0f;
        for (uint32_t j = begin; j < end; ++j) seen = std::max(seen, sum += row.weights[j]);
        return seen;
    }
    for (uint32_t j = begin; j < end; ++j)
        seen = std::max(seen, layers[masks.layer_of[row.columns[j]]] += row.weights[j]);
    for (uint32_t j = begin; j < end; ++j) layers[masks.layer_of[row.columns[j]]] = 0.0f;
    return seen;
}

// Calls visit(view, seen) for every view with entries in the row; `layers` as above.
template <class F>
void for_each_view(const SparseRow& row, const MaskViews& masks, float* layers, const F& visit) {
    for (uint32_t begin = 0, end = 0; begin < row.count; begin = end) {
        end = end_of_view(row, masks, begin);
        visit(masks.view_of[row.columns[begin]], seen_by_view(row, masks, begin, end, layers));
    }
}

std::vector<std::vector<float>> scratch_layers(const MaskViews& masks, int threads) {
    return std::vector<std::vector<float>>(threads, std::vector<float>(masks.layers, 0.0f));
}

}  // namespace
}  // namespace splatseg
