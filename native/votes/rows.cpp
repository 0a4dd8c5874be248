// Passes over the rows of votes. Whatever is summed over rows is summed in an order fixed by the input.
#include "votes/rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

#include "sparse/disjoint_sets.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kRowsAtOnce = 1024;
constexpr int64_t kLongest = 65536;  // rows of a group that one thread sums

template <class F>
void for_each_row(const SparseMatrix& matrix, int threads, const F& work) {
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int worker) {
        for (int64_t r = begin; r < end; ++r) work(row_at(matrix, r), worker);
    });
}

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

float weighted_sum(const SparseRow& row, const float* weight) {
    float sum = 0.0f;
    for (uint32_t j = 0; j < row.count; ++j) sum += row.weights[j] * weight[row.columns[j]];
    return sum;
}

std::vector<std::vector<float>> scratch_layers(const MaskViews& masks, int threads) {
    return std::vector<std::vector<float>>(threads, std::vector<float>(masks.layers, 0.0f));
}

// Rows of one group that one thread sums: places in the order by group, and the sum before and after them.
struct Chunk {
    int64_t group, begin, end;
    bool first, full;  // of the first 65,536 rows; the last one of its 65,536
    SparseSums sums;
};

// One thread's sums (M+V,), all zero between two chunks. Of a chunk with few rows it is known, by 64s, what they touch,
// so that it takes time by what it has something of.
class DenseSums {
public:
    explicit DenseSums(int64_t width) : sums_(width, 0.0f), touched_((width + 63) / 64, 0) {}

    // Adds what masks have and views see of the rows of a chunk to its sums.
    template <class Rows>
    void add(Chunk& chunk, const Rows& for_each_sum) {
        const int64_t width = static_cast<int64_t>(sums_.size()), rows = chunk.end - chunk.begin;
        float* const sums = sums_.data();
        uint8_t* const touched = touched_.data();
        const auto mark = [=](int64_t number, float more) {
            sums[number] += more;
            touched[number >> 6] = 1;
        };
        for (size_t i = 0; i < chunk.sums.numbers.size(); ++i) mark(chunk.sums.numbers[i], chunk.sums.sums[i]);
        if (16 * rows < width) {
            for_each_sum(chunk, mark);
        } else {
            std::fill(touched_.begin(), touched_.end(), 1);
            for_each_sum(chunk, [=](int64_t number, float more) { sums[number] += more; });
        }
        take(chunk.sums);
    }

private:
    std::vector<float> sums_;
    std::vector<uint8_t> touched_;

    // The sums that are not 0, which become 0.
    void take(SparseSums& out) {
        int64_t count = 0;
        for_each_touched([&](float& sum, int64_t) { count += sum != 0.0f; });
        out.numbers.resize(count);
        out.sums.resize(count);
        int64_t place = 0;
        for_each_touched([&](float& sum, int64_t number) {
            if (sum == 0.0f) return;
            out.numbers[place] = static_cast<int32_t>(number);
            out.sums[place++] = sum;
            sum = 0.0f;
        });
        std::fill(touched_.begin(), touched_.end(), 0);
    }

    template <class F>
    void for_each_touched(const F& visit) {
        const int64_t width = static_cast<int64_t>(sums_.size());
        for (int64_t k = 0; k < static_cast<int64_t>(touched_.size()); ++k)
            if (touched_[k])
                for (int64_t i = 64 * k; i < std::min(64 * k + 64, width); ++i) visit(sums_[i], i);
    }
};

// The rows of a block in the order of their groups, those of group k from first[k] on.
std::vector<uint32_t> by_group(const int32_t* groups, int64_t height, std::vector<int64_t>& first) {
    for (int64_t i = 0; i < height; ++i)
        if (groups[i] >= 0) ++first[groups[i] + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<uint32_t> order(first.back());
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (int64_t i = 0; i < height; ++i)
        if (groups[i] >= 0) order[next[groups[i]]++] = static_cast<uint32_t>(i);
    return order;
}

SparseVector as_vector(const SparseSums& sums) {
    return {sums.numbers.data(), sums.sums.data(), static_cast<int64_t>(sums.numbers.size())};
}

void add_to(SparseSums& sums, const SparseSums& more) {
    SparseSums both;
    both.numbers.resize(sums.numbers.size() + more.numbers.size());
    both.sums.resize(both.numbers.size());
    const int64_t count = add_sparse_vectors(as_vector(sums), as_vector(more), both.numbers.data(), both.sums.data());
    both.numbers.resize(count);
    both.sums.resize(count);
    sums = std::move(both);
}

// The masks and views of a tally, for one walk over its masks.
struct Walk {
    const SparseVector& tally;
    const int64_t masks;
    int64_t columns, place;  // of masks; of the view that was asked for last, or the next one

    Walk(const SparseVector& tally, const OfMasks& masks)
        : tally(tally),
          masks(masks.count),
          columns(std::lower_bound(tally.numbers, tally.numbers + tally.count, masks.count) - tally.numbers),
          place(columns) {}

    // What a view sees of the set; views are asked for in their order.
    float seen_by(int32_t view) {
        while (place < tally.count && tally.numbers[place] - masks < view) ++place;
        return place < tally.count && tally.numbers[place] - masks == view ? tally.sums[place] : 0.0f;
    }
};

float iou(float inside, float seen, float total) {
    const float whole = total + seen - inside;
    return whole > 0.0f ? inside / whole : 0.0f;
}

// The rows of a block, a group's at most 65,536 at a time, with the sums that are not full yet.
std::vector<Chunk> chunks_of(const std::vector<int64_t>& first, OpenTallies& open) {
    std::vector<Chunk> chunks;
    for (size_t k = 0; k < open.members.size(); ++k)
        for (int64_t begin = first[k]; begin < first[k + 1];) {
            const int64_t before = open.members[k], room = kLongest - before % kLongest;
            const int64_t end = std::min(begin + room, first[k + 1]);
            Chunk chunk{static_cast<int64_t>(k), begin, end, before < kLongest, end - begin == room, {}};
            if (chunk.first)
                chunk.sums = std::move(open.whole[k]);
            else if (before % kLongest != 0)
                chunk.sums = std::move(open.last[k]);
            chunks.push_back(std::move(chunk));
            open.members[k] += end - begin;
            begin = end;
        }
    return chunks;
}

}  // namespace

int64_t add_sparse_vectors(const SparseVector& one, const SparseVector& other, int32_t* numbers, float* sums) {
    int64_t i = 0, j = 0, out = 0;
    while (i < one.count && j < other.count) {
        const int32_t a = one.numbers[i], b = other.numbers[j];
        numbers[out] = std::min(a, b);
        sums[out++] = (a <= b ? one.sums[i] : 0.0f) + (b <= a ? other.sums[j] : 0.0f);
        i += a <= b;
        j += b <= a;
    }
    const SparseVector& rest = i < one.count ? one : other;
    const int64_t begin = i < one.count ? i : j, more = rest.count - begin;
    std::copy_n(rest.numbers + begin, more, numbers + out);
    std::copy_n(rest.sums + begin, more, sums + out);
    return out + more;
}

void best_masks(const SparseVector& tally, const OfMasks& masks, const BestMasks& best) {
    Walk walk(tally, masks);
    for (int64_t i = 0; i < walk.columns; ++i) {
        const int32_t mask = tally.numbers[i], view = masks.view_of[mask];
        const float inside = tally.sums[i], overlap = iou(inside, walk.seen_by(view), masks.total[mask]);
        if (best.columns[view] < 0 || overlap > best.overlaps[view])
            best.columns[view] = mask, best.overlaps[view] = overlap;
        best.explained[view] = std::max(best.explained[view], overlap * inside);
    }
}

void explained_by_union(const SparseVector& one, const SparseVector& other, const OfMasks& masks, float* of_one,
                        float* of_other, float* left) {
    Walk walk_one(one, masks), walk_other(other, masks);
    for (int64_t i = 0, j = 0; i < walk_one.columns || j < walk_other.columns;) {
        const int32_t a = i < walk_one.columns ? one.numbers[i] : INT32_MAX;
        const int32_t b = j < walk_other.columns ? other.numbers[j] : INT32_MAX;
        const int32_t mask = std::min(a, b), view = masks.view_of[mask];
        const float in_one = a <= b ? one.sums[i++] : 0.0f, in_other = b <= a ? other.sums[j++] : 0.0f;
        const float total = masks.total[mask], seen_one = walk_one.seen_by(view), seen_other = walk_other.seen_by(view);
        const float overlap = iou(in_one + in_other, seen_one + seen_other, total);
        of_one[view] = std::max(of_one[view], overlap * in_one);
        of_other[view] = std::max(of_other[view], overlap * in_other);
        const float outside = 1.0f - (seen_one > 0.0f ? in_one / seen_one : 0.0f);
        left[view] = std::max(left[view], iou(in_other, seen_other, total) * outside);
    }
}

void tallies(const SparseMatrix& votes, const MaskViews& masks, const int32_t* groups, OpenTallies& open, int threads) {
    std::vector<int64_t> first(open.members.size() + 1, 0);
    const std::vector<uint32_t> order = by_group(groups, votes.height, first);
    std::vector<Chunk> chunks = chunks_of(first, open);
    auto layers = scratch_layers(masks, threads);
    std::vector<DenseSums> scratch(threads, DenseSums(open.masks + open.views));
    parallel_for(static_cast<int64_t>(chunks.size()), threads, [&](int64_t index, int worker) {
        scratch[worker].add(chunks[index], [&](const Chunk& chunk, const auto& add) {
            for (int64_t place = chunk.begin; place < chunk.end; ++place) {
                const SparseRow row = row_at(votes, order[place]);
                for (uint32_t j = 0; j < row.count; ++j) add(row.columns[j], row.weights[j]);
                for_each_view(row, masks, layers[worker].data(),
                              [&](int32_t view, float sum) { add(open.masks + view, sum); });
            }
        });
    });
    for (Chunk& chunk : chunks) {  // a group's in their order
        if (chunk.first)
            open.whole[chunk.group] = std::move(chunk.sums);
        else if (!chunk.full)
            open.last[chunk.group] = std::move(chunk.sums);
        else {
            add_to(open.whole[chunk.group], chunk.sums);
            open.last.erase(chunk.group);
        }
    }
}

int64_t close_tallies(OpenTallies& open) {
    for (const auto& [k, own] : open.last) add_to(open.whole[k], own);
    open.last.clear();
    int64_t count = 0;
    for (const SparseSums& own : open.whole) count += static_cast<int64_t>(own.numbers.size());
    return count;
}

void write_tallies(const OpenTallies& open, int64_t* first, int32_t* numbers, float* sums) {
    *first = 0;
    for (const SparseSums& own : open.whole) {
        numbers = std::copy(own.numbers.begin(), own.numbers.end(), numbers);
        sums = std::copy(own.sums.begin(), own.sums.end(), sums);
        first[1] = first[0] + static_cast<int64_t>(own.numbers.size());
        ++first;
    }
}

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
