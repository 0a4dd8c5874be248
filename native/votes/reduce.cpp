// From the votes of the tiles to those of the Gaussians: the entries of each, tiles row by row.
#include <algorithm>
#include <stdexcept>

#include "raster/raster.h"
#include "simd/kernels.h"
#include "threads/parallel.h"
#include "votes/votes.h"

namespace splatseg {
namespace {

constexpr uint32_t kAhead = 16;  // touches whose votes are fetched before they are added

// Sums by label of one Gaussian. `sum_of` is all zero between two of them.
struct LabelSums {
    std::vector<float> sum_of;  // (count + 1,)
    std::vector<uint32_t> labels;

    void add(const EntryVotes& votes) {
        for (uint32_t j = 0; j < votes.count; ++j) {
            const uint32_t label = votes.labels[j];
            if (sum_of[label] == 0.0f) labels.push_back(label);  // votes are positive
            sum_of[label] += votes.weights[j];
        }
    }

    SparseRow take(uint32_t id, Arena& arena) {
        std::sort(labels.begin(), labels.end());
        const uint32_t count = static_cast<uint32_t>(labels.size());
        uint32_t* columns = arena.take(2 * labels.size());
        float* weights = reinterpret_cast<float*>(columns + count);
        for (uint32_t j = 0; j < count; ++j) {
            columns[j] = labels[j] - 1;
            weights[j] = sum_of[labels[j]];
            sum_of[labels[j]] = 0.0f;
        }
        labels.clear();
        return {columns, weights, count, id};
    }
};

}  // namespace

SparseMatrix vote(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, float* totals, int threads) {
    const int64_t pixels = static_cast<int64_t>(plan.camera.width) * plan.camera.height * maps.layers;
    if (maps.count < 0 || maps.count >= INT32_MAX) throw std::invalid_argument("count must be in 0..2^31 - 2");
    int32_t low = 0, high = 0;
    for (int64_t i = 0; i < pixels; ++i) {
        low = std::min(low, maps.labels[i]);
        high = std::max(high, maps.labels[i]);
    }
    if (low < 0 || high > maps.count) throw std::invalid_argument("labels must be in 0..count");

    // Memory by label goes as far as the labels do, however many the caller counts.
    const LabelMaps found{maps.labels, maps.layers, high};
    std::vector<Arena> tile_arenas(threads);
    const Buffer entries(sizeof(EntryVotes) * plan.entries);
    kernels.vote(plan, found, entries.as<EntryVotes>(), tile_arenas.data(), threads);

    SparseMatrix matrix;
    matrix.height = plan.count;
    matrix.width = maps.count;
    matrix.ascending = true;
    matrix.rows = Buffer(sizeof(SparseRow) * plan.count);
    matrix.arenas.resize(threads);
    std::vector<LabelSums> sums(threads);
    for (LabelSums& each : sums) each.sum_of.assign(int64_t{high} + 1, 0.0f);
    const uint32_t* first_touch = plan.first_touch.as<uint32_t>();
    const EntryVotes* votes_of = entries.as<EntryVotes>();
    const uint32_t* entry_of_touch = plan.entry_of_touch.as<uint32_t>();
    parallel_ranges(plan.count, kGroup, threads, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t id = begin; id < end; ++id) {
            float total = 0.0f;
            for (uint32_t touch = first_touch[id]; touch < first_touch[id + 1]; ++touch) {
                if (touch + 2 * kAhead < plan.entries) {  // entries lie anywhere, and their votes anywhere again
                    __builtin_prefetch(votes_of + entry_of_touch[touch + 2 * kAhead]);
                    __builtin_prefetch(votes_of[entry_of_touch[touch + kAhead]].labels);
                }
                const EntryVotes& votes = votes_of[entry_of_touch[touch]];
                total += votes.total;
                sums[worker].add(votes);
            }
            totals[id] = total;
            matrix.rows.as<SparseRow>()[id] = sums[worker].take(static_cast<uint32_t>(id), matrix.arenas[worker]);
        }
    });
    for (int64_t id = 0; id < plan.count; ++id) matrix.entries += matrix.rows.as<SparseRow>()[id].count;
    return matrix;
}

}  // namespace splatseg
