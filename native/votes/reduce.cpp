// From the votes of the tiles to those of the Gaussians: the entries of each, tiles row by row.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

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
        const uint32_t* of_entry = votes.labels();
        const float* weights = votes.weights();
        for (uint32_t j = 0; j < votes.count(); ++j) {
            const uint32_t label = of_entry[j];
            if (sum_of[label] == 0.0f) labels.push_back(label);  // votes are positive
            sum_of[label] += weights[j];
        }
    }

    // Calls use(label, weight) for every label, ascending, and forgets it.
    template <class F>
    void take(const F& use) {
        if (labels.size() > 1) std::sort(labels.begin(), labels.end());
        for (const uint32_t label : labels) use(label, std::exchange(sum_of[label], 0.0f));
        labels.clear();
    }
};

// Votes of the tiles, and memory for the sums of every worker.
struct TileVotes {
    std::vector<Arena> arenas;
    Buffer entries;  // EntryVotes (E,)
    std::vector<LabelSums> sums;
};

// Throws std::invalid_argument for labels outside 0..count.
TileVotes vote_by_tiles(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, int threads) {
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
    TileVotes votes;
    votes.arenas.resize(threads);
    votes.entries = Buffer(sizeof(EntryVotes) * plan.entries);
    kernels.vote(plan, found, votes.entries.as<EntryVotes>(), votes.arenas.data(), threads);
    votes.sums.resize(threads);
    for (LabelSums& each : votes.sums) each.sum_of.assign(int64_t{high} + 1, 0.0f);
    return votes;
}

// Adds what the tiles say of a Gaussian to `sums`; returns its total.
float add_entries(const Plan& plan, const EntryVotes* entries, int64_t id, LabelSums& sums) {
    const uint32_t* first_touch = plan.first_touch.as<uint32_t>();
    const uint32_t* entry_of_touch = plan.entry_of_touch.as<uint32_t>();
    float total = 0.0f;
    for (uint32_t touch = first_touch[id]; touch < first_touch[id + 1]; ++touch) {
        if (touch + 2 * kAhead < plan.entries) {  // entries lie anywhere, and their votes anywhere again
            __builtin_prefetch(entries + entry_of_touch[touch + 2 * kAhead]);
            __builtin_prefetch(entries[entry_of_touch[touch + kAhead]].record);
        }
        const EntryVotes& votes = entries[entry_of_touch[touch]];
        if (!votes.record) continue;
        total += votes.total();
        sums.add(votes);
    }
    return total;
}

}  // namespace

SparseMatrix vote(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, float* totals, int threads) {
    TileVotes votes = vote_by_tiles(kernels, plan, maps, threads);
    SparseMatrix matrix;
    matrix.height = plan.count;
    matrix.width = maps.count;
    matrix.ascending = true;
    matrix.rows = Buffer(sizeof(SparseRow) * plan.count);
    matrix.arenas.resize(threads);
    parallel_ranges(plan.count, kGroup, threads, [&](int64_t begin, int64_t end, int worker) {
        LabelSums& sums = votes.sums[worker];
        for (int64_t id = begin; id < end; ++id) {
            totals[id] = add_entries(plan, votes.entries.as<EntryVotes>(), id, sums);
            const uint32_t count = static_cast<uint32_t>(sums.labels.size());
            uint32_t* columns = matrix.arenas[worker].take(2 * sums.labels.size());
            float* weights = reinterpret_cast<float*>(columns + count);
            matrix.rows.as<SparseRow>()[id] = {columns, weights, count, static_cast<uint32_t>(id)};
            uint32_t place = 0;
            sums.take([&](uint32_t label, float weight) {
                columns[place] = label - 1;
                weights[place++] = weight;
            });
        }
    });
    for (int64_t id = 0; id < plan.count; ++id) matrix.entries += matrix.rows.as<SparseRow>()[id].count;
    return matrix;
}

KeptVotes vote_above(const Kernels& kernels, const Plan& plan, const LabelMaps& maps, const Floors& floors,
                     float* totals, int threads) {
    struct Found {  // of the Gaussians of one group so far
        std::vector<uint32_t> rows, columns;
        std::vector<float> weights;
    };
    TileVotes votes = vote_by_tiles(kernels, plan, maps, threads);
    KeptVotes kept;
    kept.pieces_count = (plan.count + kGroup - 1) / kGroup;
    kept.pieces = Buffer(sizeof(KeptVotes::Piece) * kept.pieces_count);
    kept.arenas.resize(threads);
    std::vector<Found> of_worker(threads);
    KeptVotes::Piece* pieces = kept.pieces.as<KeptVotes::Piece>();
    const size_t labels = votes.sums[0].sum_of.size();  // as far as there are pixels of them
    const uint32_t ignored = static_cast<size_t>(floors.ignored) < labels ? static_cast<uint32_t>(floors.ignored) : 0;
    parallel_ranges(plan.count, kGroup, threads, [&](int64_t begin, int64_t end, int worker) {
        LabelSums& sums = votes.sums[worker];
        Found& found = of_worker[worker];
        for (int64_t id = begin; id < end; ++id) {
            float total = add_entries(plan, votes.entries.as<EntryVotes>(), id, sums);
            if (ignored) total = std::max(total - sums.sum_of[ignored], 0.0f);
            totals[id] = total;
            const float floor = std::max(floors.share * total, floors.least);
            sums.take([&](uint32_t label, float weight) {
                if (label == ignored || !(weight > floor)) return;
                found.rows.push_back(static_cast<uint32_t>(id));
                found.columns.push_back(label - 1);
                found.weights.push_back(weight);
            });
        }
        const size_t count = found.rows.size();
        uint32_t* words = kept.arenas[worker].take(3 * count);
        if (count) {
            std::memcpy(words, found.rows.data(), sizeof(uint32_t) * count);
            std::memcpy(words + count, found.columns.data(), sizeof(uint32_t) * count);
            std::memcpy(words + 2 * count, found.weights.data(), sizeof(float) * count);
        }
        pieces[begin / kGroup] = {words, static_cast<uint32_t>(count)};
        found.rows.clear(), found.columns.clear(), found.weights.clear();
    });
    for (int64_t i = 0; i < kept.pieces_count; ++i) kept.entries += pieces[i].count;
    return kept;
}

void write_entries(const KeptVotes& votes, int32_t* rows, int32_t* columns, float* weights, int threads) {
    const KeptVotes::Piece* pieces = votes.pieces.as<KeptVotes::Piece>();
    std::vector<uint64_t> first(votes.pieces_count + 1, 0);
    for (int64_t i = 0; i < votes.pieces_count; ++i) first[i + 1] = first[i] + pieces[i].count;
    parallel_for(votes.pieces_count, threads, [&](int64_t i, int) {
        const auto [words, count] = pieces[i];
        if (count == 0) return;  // it may point nowhere
        std::memcpy(rows + first[i], words, sizeof(uint32_t) * count);
        std::memcpy(columns + first[i], words + count, sizeof(uint32_t) * count);
        std::memcpy(weights + first[i], words + 2 * static_cast<size_t>(count), sizeof(float) * count);
    });
}

}  // namespace splatseg
