// What a node holds of every set is the sum of what its parts hold, so a tree is gone through once, and no matrix of
// all pairs of regions is made.
#include "regions/joins.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kPairsAtOnce = 8192;

float height_of(const JoinTrees& trees, int64_t tree, int32_t a, int32_t b) {
    const int32_t* places = trees.places + tree * trees.regions;
    const auto [first, last] = std::minmax(places[a], places[b]);
    if (first == last) return 0.0f;
    const auto span = static_cast<uint32_t>(last - first);
    const int level = std::bit_width(span) - 1;
    const float* gaps = trees.gaps + (tree * trees.levels + level) * trees.regions;
    return std::max(gaps[first], gaps[last - (int32_t{1} << level)]);
}

using Held = std::vector<std::pair<int32_t, double>>;  // sets, rising, and what a node holds of them

Held joined(const Held& one, const Held& other) {
    Held both;
    both.reserve(one.size() + other.size());
    for (size_t i = 0, j = 0; i < one.size() || j < other.size();) {
        const bool first = j == other.size() || (i < one.size() && one[i].first <= other[j].first);
        const auto& next = first ? one[i++] : other[j++];
        if (!both.empty() && both.back().first == next.first)
            both.back().second += next.second;
        else
            both.push_back(next);
    }
    return both;
}

}  // namespace

void add_contacts(const JoinTrees& trees, const int32_t* region_of, const float* weights, int64_t pairs,
                  const int32_t* ends, double* sums, double* totals, int threads) {
    parallel_ranges(pairs, kPairsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t e = begin; e < end; ++e) {
            const int32_t a = ends[2 * e], b = ends[2 * e + 1];
            if (region_of[a] < 0 || region_of[b] < 0) continue;
            const double weight = std::min(weights[a], weights[b]);
            totals[e] += weight;
            for (int64_t t = 0; t < trees.trees; ++t)
                sums[e * trees.trees + t] += weight * height_of(trees, t, region_of[a], region_of[b]);
        }
    });
}

void add_joins(const MergeTree& tree, const SetsOfRegions& sets, double* sums) {
    std::vector<Held> held(2 * tree.regions - 1);
    for (int64_t r = 0; r < tree.regions; ++r)
        for (int64_t i = sets.starts[r]; i < sets.starts[r + 1]; ++i)
            held[r].emplace_back(sets.sets[i], sets.amounts[i]);
    for (int64_t k = 0; k + 1 < tree.regions; ++k) {
        Held one = std::move(held[tree.merges[2 * k]]), other = std::move(held[tree.merges[2 * k + 1]]);
        const double height = tree.heights[k];
        for (const auto& [p, of_p] : one) {
            double* row = sums + p * sets.count;
            const double factor = height * of_p;
            for (const auto& [q, of_q] : other) row[q] += factor * of_q;
        }
        held[tree.regions + k] = joined(one, other);
    }
}

}  // namespace splatseg
