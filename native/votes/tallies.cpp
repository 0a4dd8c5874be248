// Tallies of sets of Gaussians, and what is asked of them. Sums are added in an order fixed by the input.
#include "votes/tallies.h"

#include <algorithm>
#include <numeric>

#include "threads/parallel.h"
#include "votes/views.h"

namespace splatseg {
namespace {

constexpr int64_t kLongest = 65536;  // rows of a group that one thread sums

// Rows of one group that one thread sums: places in the order by group, and the sum before and after them.
struct Chunk {
    int64_t group, begin, end;
    bool first, full;  // of the first 65,536 rows; the last one of its 65,536
    SparseSums sums;
};

// One thread's sums (M+V,), all zero between two chunks, and which of them are touched, by 64s: what is taken from them
// takes time by what there is.
struct DenseSums {
    std::vector<float> sums;
    std::vector<uint8_t> touched;

    explicit DenseSums(int64_t width) : sums(width, 0.0f), touched((width + 63) / 64, 0) {}

    void touch(int64_t number) { touched[number >> 6] = 1; }
    void touch_all() { std::fill(touched.begin(), touched.end(), 1); }

    void put(const SparseSums& from) {
        for (size_t i = 0; i < from.numbers.size(); ++i) {
            sums[from.numbers[i]] = from.sums[i];
            touch(from.numbers[i]);
        }
    }

    // What is not 0, which becomes 0.
    void take(SparseSums& out) {
        int64_t count = 0, place = 0;
        for_each_touched([&](float sum, int64_t) { count += sum != 0.0f; });
        out.numbers.resize(count);
        out.sums.resize(count);
        for_each_touched([&](float& sum, int64_t number) {
            if (sum == 0.0f) return;
            out.numbers[place] = static_cast<int32_t>(number);
            out.sums[place++] = sum;
            sum = 0.0f;
        });
        std::fill(touched.begin(), touched.end(), 0);
    }

    template <class F>
    void for_each_touched(const F& visit) {
        const int64_t width = static_cast<int64_t>(sums.size());
        for (int64_t begin = 0; begin < width; begin += 64)
            if (touched[begin >> 6])
                for (int64_t i = begin; i < std::min(begin + 64, width); ++i) visit(sums[i], i);
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
    const int64_t width = open.masks + open.views;
    std::vector<DenseSums> scratch(threads, DenseSums(width));
    parallel_for(static_cast<int64_t>(chunks.size()), threads, [&](int64_t index, int worker) {
        Chunk& chunk = chunks[index];
        DenseSums& own = scratch[worker];
        own.put(chunk.sums);
        const bool few = 16 * (chunk.end - chunk.begin) < width;  // many rows touch nearly everything
        if (!few) own.touch_all();
        float *inside = own.sums.data(), *seen = inside + open.masks;
        for (int64_t place = chunk.begin; place < chunk.end; ++place) {
            const SparseRow row = row_at(votes, order[place]);
            for (uint32_t j = 0; j < row.count; ++j) inside[row.columns[j]] += row.weights[j];
            for_each_view(row, masks, layers[worker].data(), [&](int32_t view, float sum) { seen[view] += sum; });
            for (uint32_t j = 0; few && j < row.count; ++j) {
                own.touch(row.columns[j]);
                own.touch(open.masks + masks.view_of[row.columns[j]]);
            }
        }
        own.take(chunk.sums);
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

}  // namespace splatseg
