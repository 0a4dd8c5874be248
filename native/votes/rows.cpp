// Passes over the rows of votes. Whatever is summed over rows is summed in an order fixed by the input.
#include "votes/rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "sparse/disjoint_sets.h"
#include "threads/parallel.h"
#include "votes/views.h"

namespace splatseg {
namespace {

constexpr int64_t kRowsAtOnce = 1024;

template <class F>
void for_each_row(const SparseMatrix& matrix, int threads, const F& work) {
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t r = begin; r < end; ++r) work(row_at(matrix, r), worker);
    });
}

float weighted_sum(const SparseRow& row, const float* weight) {
    float sum = 0.0f;
    for (uint32_t j = 0; j < row.count; ++j) sum += row.weights[j] * weight[row.columns[j]];
    return sum;
}

}  // namespace

void weighted_rows(const SparseMatrix& votes, const float* weight, float* out, int threads) {
    for_each_row(votes, threads, [&](const SparseRow& row, int) { out[row.row] = weighted_sum(row, weight); });
}

void under_masks(const SparseMatrix& votes, const MaskViews& masks, float* seen, int threads) {
    auto layers = scratch_layers(masks, threads);
    for_each_row(votes, threads, [&](const SparseRow& row, int worker) {
        float all = 0.0f;
        for_each_view(row, masks, layers[worker].data(), [&](int32_t, float sum) { all += sum; });
        seen[row.row] = all;
    });
}

void follow_majority(const SparseMatrix& votes, const float* says, const uint8_t* members, uint8_t* out, int threads) {
    for_each_row(votes, threads, [&](const SparseRow& row, int) {
        const float sum = weighted_sum(row, says);
        out[row.row] = sum != 0.0f ? sum > 0.0f : members[row.row];
    });
}

void follow_matches(const SparseMatrix& votes, const MaskViews& masks, const float* weight, const float* quality,
                    const uint8_t* members, uint8_t* out, int threads) {
    auto layers = scratch_layers(masks, threads);
    for_each_row(votes, threads, [&](const SparseRow& row, int worker) {
        const float inside = weighted_sum(row, weight);
        float seen = 0.0f;
        for (uint32_t begin = 0, end = 0; begin < row.count; begin = end) {
            end = end_of_view(row, masks, begin);
            const float of_view = quality[masks.view_of[row.columns[begin]]];
            if (of_view == 0.0f) continue;
            seen += seen_by_view(row, masks, begin, end, layers[worker].data()) * of_view;
            // The sum does not fall, so more views cannot change this. Most Gaussians end at their first view.
            if (seen > 0.0f && !(inside > 0.5f * seen)) {
                out[row.row] = 0;
                return;
            }
        }
        out[row.row] = seen > 0.0f ? 1 : members[row.row];
    });
}

void reassigned(const SparseMatrix& votes, const MaskViews& masks, const Matches& matches, const int32_t* ids,
                float evidence, int32_t* out, int threads) {
    struct Scratch {
        std::vector<float> layers, inside;  // (L,), (K,) zero between two rows
        std::vector<int32_t> found;         // segments with anything inside
        std::vector<std::pair<int32_t, float>> views;
    };
    std::vector<Scratch> scratch(threads);
    for (Scratch& s : scratch) s.layers.assign(masks.layers, 0.0f), s.inside.assign(matches.count, 0.0f);
    for_each_row(votes, threads, [&](const SparseRow& row, int worker) {
        Scratch& s = scratch[worker];
        s.found.clear();
        s.views.clear();
        for (uint32_t j = 0; j < row.count; ++j)
            for (int64_t i = matches.first[row.columns[j]]; i < matches.first[row.columns[j] + 1]; ++i) {
                const int32_t segment = matches.segments[i];
                if (s.inside[segment] == 0.0f) s.found.push_back(segment);  // votes and quality are positive
                s.inside[segment] += row.weights[j] * matches.quality[i];
            }
        for_each_view(row, masks, s.layers.data(), [&](int32_t view, float sum) { s.views.emplace_back(view, sum); });
        const int32_t own = ids[row.row];
        int32_t best = own;
        float best_share = 0.0f, best_seen = 0.0f, own_share = 0.0f;
        for (const int32_t segment : s.found) {
            float seen = 0.0f;
            for (const auto& [view, sum] : s.views)
                seen += sum * matches.by_view[static_cast<int64_t>(segment) * masks.views + view];
            const float share = seen > 0.0f ? s.inside[segment] / seen : 0.0f;
            if (segment == own) own_share = share;
            if (share > best_share || (share == best_share && segment < best))
                best = segment, best_share = share, best_seen = seen;
            s.inside[segment] = 0.0f;
        }
        out[row.row] = best_share > 0.5f && own_share < 0.5f && best_seen > evidence ? best : own;
    });
}

void joined_masks(const SparseMatrix& votes, const uint8_t* heavy, float share, int32_t* out, int threads) {
    std::vector<DisjointSets> sets(threads, DisjointSets(votes.width));
    for_each_row(votes, threads, [&](const SparseRow& row, int worker) {
        float strongest = 0.0f;
        for (uint32_t j = 0; j < row.count; ++j) strongest = std::max(strongest, row.weights[j]);
        int32_t first = -1;
        for (uint32_t j = 0; j < row.count; ++j) {
            const int32_t mask = static_cast<int32_t>(row.columns[j]);
            if (!heavy[mask] || row.weights[j] < share * strongest) continue;
            if (first < 0) first = mask;
            sets[worker].join(first, mask);
        }
    });
    for (int32_t m = 0; m < votes.width; ++m) sets[0].join(m, out[m]);
    for (int worker = 1; worker < threads; ++worker)
        for (int32_t m = 0; m < votes.width; ++m) sets[0].join(m, sets[worker].lowest(m));
    for (int32_t m = 0; m < votes.width; ++m) out[m] = sets[0].lowest(m);
}

void stack_views(const ViewEntries* views, int64_t count, int64_t begin, int64_t end, const int64_t* indptr,
                 int32_t* columns, float* weights, int threads) {
    const auto refuse = [] {
        throw std::invalid_argument(
            "the rows of a view must ascend, and all views together have the entries of the rows");
    };
    parallel_ranges(end - begin, kRowsAtOnce, threads, [&](int64_t from, int64_t to, int) {
        const int64_t first = begin + from, last = begin + to;
        int64_t next[kRowsAtOnce];
        std::copy(indptr + first, indptr + last, next);
        const int64_t stop_place = indptr[last];
        for (int64_t v = 0; v < count; ++v) {
            const int32_t* rows = views[v].rows;
            const int32_t* stop = rows + views[v].count;
            int64_t last_row = 0;
            for (int64_t i = std::lower_bound(rows, stop, first) - rows; i < views[v].count && rows[i] < last; ++i) {
                const int64_t row = rows[i] - first;
                if (row < last_row || next[row] >= stop_place) refuse();
                last_row = row;
                const int64_t place = next[row]++;
                columns[place] = views[v].columns[i];
                weights[place] = views[v].weights[i];
            }
        }
        if (!std::equal(indptr + first + 1, indptr + last + 1, next)) refuse();
    });
}

}  // namespace splatseg
