// The tree of points, and the components of those that touch. Level-independent.
//
// Source: points along a Z-curve (Morton 1966).
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "points/neighbours.h"
#include "simd/kernels.h"
#include "sparse/disjoint_sets.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int kBits = 21;  // of a coordinate in a place on the curve
constexpr int64_t kAtOnce = 4096;
constexpr int kSpare = 4;  // neighbours beyond the wanted ones

struct Keyed {
    uint64_t key;
    uint32_t id;
};

uint64_t spread(uint64_t bits) {  // two zeros between any two of 21 bits
    bits = (bits | bits << 32) & 0x1f00000000ffffULL;
    bits = (bits | bits << 16) & 0x1f0000ff0000ffULL;
    bits = (bits | bits << 8) & 0x100f00f00f00f00fULL;
    bits = (bits | bits << 4) & 0x10c30c30c30c30c3ULL;
    return (bits | bits << 2) & 0x1249249249249249ULL;
}

// Stable, by digits of 11 bits; digits that all keys share are passed over.
void radix_sort(std::vector<Keyed>& items) {
    std::vector<Keyed> other(items.size());
    for (int shift = 0; shift < 3 * kBits; shift += 11) {
        uint32_t next[2048] = {};
        for (const Keyed& item : items) ++next[item.key >> shift & 2047];
        if (next[items[0].key >> shift & 2047] == items.size()) continue;
        uint32_t sum = 0;
        for (uint32_t& count : next) sum += std::exchange(count, sum);
        for (const Keyed& item : items) other[next[item.key >> shift & 2047]++] = item;
        items.swap(other);
    }
}

std::vector<Keyed> along_curve(const float* points, int64_t count, int threads) {
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (int axis = 0; axis < 3; ++axis)
        for (int64_t i = 0; i < count; ++i) {
            low[axis] = std::min(low[axis], points[3 * i + axis]);
            high[axis] = std::max(high[axis], points[3 * i + axis]);
        }
    const auto extent_of = [&](float share) {
        float extent = 0.0f;
        for (int axis = 0; axis < 3; ++axis) extent = std::max(extent, share * high[axis] - share * low[axis]);
        return extent;
    };
    // Finite points may lie farther apart than a float can say; halves of them do not.
    const float share = std::isfinite(extent_of(1.0f)) ? 1.0f : 0.5f, extent = extent_of(share);
    const double scale = extent > 0.0f ? ((1 << kBits) - 1) / static_cast<double>(extent) : 0.0;
    std::vector<Keyed> items(count);
    parallel_ranges(count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
            uint64_t key = 0;
            for (int axis = 0; axis < 3; ++axis)
                // Bits of x, y and z in turn: places that are near on the curve are near in space.
                key |= spread(static_cast<uint64_t>((share * points[3 * i + axis] - share * low[axis]) * scale))
                       << axis;
            items[i] = {key, static_cast<uint32_t>(i)};
        }
    });
    radix_sort(items);
    return items;
}

// The box of child `slot` of a node: of a leaf's points, or of a node's boxes.
void set_box(BoxNode& node, int slot, const float* const (&lows)[3], const float* const (&highs)[3], int count) {
    for (int axis = 0; axis < 3; ++axis) {
        node.low[axis][slot] = *std::min_element(lows[axis], lows[axis] + count);
        node.high[axis][slot] = *std::max_element(highs[axis], highs[axis] + count);
    }
}

BoxNode empty_node() {
    BoxNode node;
    for (int axis = 0; axis < 3; ++axis) {
        std::fill_n(node.low[axis], kLanes, INFINITY);
        std::fill_n(node.high[axis], kLanes, -INFINITY);
    }
    return node;
}

// The value at `rank` of those in order. They must not be negative: then their bits are in order as they are.
float at_rank(const std::vector<float>& values, size_t rank) {
    uint32_t prefix = 0;
    for (const int shift : {16, 0}) {
        std::vector<uint32_t> counts(1 << 16, 0);
        for (const float value : values) {
            const uint32_t b = std::bit_cast<uint32_t>(value);
            if (shift == 16 || b >> 16 == prefix >> 16) ++counts[b >> shift & 0xffff];
        }
        uint32_t digit = 0;
        while (rank >= counts[digit]) rank -= counts[digit++];
        prefix |= digit << shift;
    }
    return std::bit_cast<float>(prefix);
}

float median(const std::vector<float>& values) {
    const size_t n = values.size();
    const float upper = at_rank(values, n / 2);
    return n % 2 ? upper : 0.5f * (at_rank(values, n / 2 - 1) + upper);
}

}  // namespace

PointTree point_tree(const float* points, int64_t count, int threads) {
    PointTree tree;
    tree.count = count;
    tree.leaf_count = (count + kLanes - 1) / kLanes;
    const std::vector<Keyed> order = along_curve(points, count, threads);
    tree.leaves = Buffer(sizeof(Leaf) * tree.leaf_count);
    Leaf* leaves = tree.leaves.as<Leaf>();
    for (int64_t l = 0; l < tree.leaf_count; ++l) {
        leaves[l].count = static_cast<int>(std::min<int64_t>(kLanes, count - l * kLanes));
        for (int i = 0; i < kLanes; ++i) {
            const bool real = i < leaves[l].count;
            const uint32_t id = real ? order[l * kLanes + i].id : 0;
            leaves[l].ids[i] = id;
            leaves[l].x[i] = real ? points[3 * id] : INFINITY;
            leaves[l].y[i] = real ? points[3 * id + 1] : INFINITY;
            leaves[l].z[i] = real ? points[3 * id + 2] : INFINITY;
        }
    }
    int64_t sizes[16], total = 0, size = tree.leaf_count;
    do {
        size = (size + kLanes - 1) / kLanes;
        tree.first[tree.levels] = total;
        sizes[tree.levels++] = size;
        total += size;
    } while (size > 1);
    tree.nodes = Buffer(sizeof(BoxNode) * total);
    BoxNode* nodes = tree.nodes.as<BoxNode>();
    std::fill_n(nodes, total, empty_node());
    for (int64_t l = 0; l < tree.leaf_count; ++l) {
        const float* const axes[3] = {leaves[l].x, leaves[l].y, leaves[l].z};
        set_box(nodes[l / kLanes], static_cast<int>(l % kLanes), axes, axes, leaves[l].count);
    }
    for (int level = 1; level < tree.levels; ++level)
        for (int64_t n = 0; n < sizes[level - 1]; ++n) {
            const BoxNode& child = nodes[tree.first[level - 1] + n];
            set_box(nodes[tree.first[level] + n / kLanes], static_cast<int>(n % kLanes),
                    {child.low[0], child.low[1], child.low[2]}, {child.high[0], child.high[1], child.high[2]}, kLanes);
        }
    return tree;
}

void touching(const Kernels& kernels, const float* points, const float* reach, int64_t count, int k, float gap,
              float reach_factor, int32_t* out, int threads) {
    std::vector<uint32_t> ids(count * k);
    std::vector<float> distances(count * k);
    kernels.nearest_neighbours(point_tree(points, count, threads), {ids.data(), distances.data(), k}, threads);
    for (float& square : distances) square = std::sqrt(square);
    const float usual = gap * median(distances);
    DisjointSets sets(count);
    for (int64_t i = 0; i < count; ++i)
        for (int64_t j = i * k; j < (i + 1) * k; ++j) {
            if (distances[j] > std::max(usual, reach_factor * (reach[i] + reach[ids[j]]))) continue;
            sets.join(static_cast<int32_t>(i), static_cast<int32_t>(ids[j]));
        }
    for (int64_t i = 0; i < count; ++i) out[i] = sets.lowest(static_cast<int32_t>(i));
}

void touching_neighbours(const Kernels& kernels, const float* points, const float* reach, int64_t count, int k,
                         float gap, float reach_factor, int32_t* out, int threads) {
    struct Near {
        double square;
        uint32_t id;
    };
    // A few more than are wanted: rounding of the squares may have changed the order of the last.
    const int found = static_cast<int>(std::min<int64_t>({k + kSpare, count - 1, kMostNeighbours}));
    std::vector<float> lengths(count * k);
    {
        std::vector<uint32_t> ids(count * found);
        std::vector<float> squares(count * found);
        kernels.nearest_neighbours(point_tree(points, count, threads), {ids.data(), squares.data(), found}, threads);
        parallel_ranges(count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
            Near near[kMostNeighbours];
            for (int64_t i = begin; i < end; ++i) {
                for (int j = 0; j < found; ++j) {
                    const uint32_t id = ids[i * found + j];
                    double square = 0.0;
                    for (int axis = 0; axis < 3; ++axis) {
                        const double difference = static_cast<double>(points[3 * i + axis]) - points[3 * id + axis];
                        square += difference * difference;
                    }
                    near[j] = {square, id};
                }
                std::stable_sort(near, near + found, [](Near a, Near b) { return a.square < b.square; });
                for (int j = 0; j < k; ++j) {
                    lengths[i * k + j] = static_cast<float>(std::sqrt(near[j].square));
                    out[i * k + j] = static_cast<int32_t>(near[j].id);
                }
            }
        });
    }
    const float usual = gap * median(lengths);
    parallel_ranges(count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = i * k; j < (i + 1) * k; ++j)
                if (!(lengths[j] <= std::max(reach_factor * (reach[i] + reach[out[j]]), usual))) out[j] = -1;
    });
}

}  // namespace splatseg
