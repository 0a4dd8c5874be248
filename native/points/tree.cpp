// The tree of points: sorted along a Z-curve a part at a time, so that little memory is needed beside the tree.
// Level-independent.
//
// Source: points along a Z-curve (Morton 1966); splitters from a sample (Frazer and McKellar 1970).
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "points/neighbours.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int kBits = 21;  // of a coordinate in a place on the curve
constexpr int64_t kAtOnce = 65536;
constexpr int64_t kSortedAtOnce = 1 << 20, kMostParts = 16, kSampled = 1 << 14;

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
    if (items.empty()) return;
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

// The points that are used, and their places on the curve.
class Curve {
public:
    Curve(const float* points, const uint8_t* use, int64_t count) : points_(points), use_(use), count_(count) {
        float high[3] = {-INFINITY, -INFINITY, -INFINITY};
        for (int64_t i = 0; i < count; ++i) {
            if (!used(i)) continue;
            ++used_;
            for (int axis = 0; axis < 3; ++axis) {
                low_[axis] = std::min(low_[axis], points[3 * i + axis]);
                high[axis] = std::max(high[axis], points[3 * i + axis]);
            }
        }
        const auto extent_of = [&](float share) {
            float extent = 0.0f;
            for (int axis = 0; axis < 3; ++axis) extent = std::max(extent, share * high[axis] - share * low_[axis]);
            return extent;
        };
        if (used_ == 0) return;
        // Finite points may lie farther apart than a float can say; halves of them do not.
        share_ = std::isfinite(extent_of(1.0f)) ? 1.0f : 0.5f;
        const float extent = extent_of(share_);
        scale_ = extent > 0.0f ? ((1 << kBits) - 1) / static_cast<double>(extent) : 0.0;
    }

    bool used(int64_t i) const { return !use_ || use_[i]; }
    int64_t count() const { return used_; }

    uint64_t key_of(int64_t i) const {
        uint64_t key = 0;
        for (int axis = 0; axis < 3; ++axis)
            // Bits of x, y and z in turn: places that are near on the curve are near in space.
            key |= spread(static_cast<uint64_t>((share_ * points_[3 * i + axis] - share_ * low_[axis]) * scale_))
                   << axis;
        return key;
    }

    // Keys that part the points in about `parts` equal shares, the first 0; from a sample of them.
    std::vector<uint64_t> splitters(int64_t parts) const {
        std::vector<uint64_t> sample, keys{0};
        const int64_t step = std::max<int64_t>(count_ / kSampled, 1);
        for (int64_t i = 0; i < count_; i += step)
            if (used(i)) sample.push_back(key_of(i));
        std::sort(sample.begin(), sample.end());
        for (int64_t part = 1; part < parts && !sample.empty(); ++part)
            if (const uint64_t key = sample[sample.size() * part / parts]; key > keys.back()) keys.push_back(key);
        return keys;
    }

    // Used points with keys in [begin, end), sorted by key, and those of one key by their number.
    std::vector<Keyed> sorted(uint64_t begin, uint64_t end, int threads) const {
        const int64_t ranges = (count_ + kAtOnce - 1) / kAtOnce;
        std::vector<std::vector<Keyed>> of_range(ranges);
        parallel_for(ranges, threads, [&](int64_t range, int) {
            const int64_t last = std::min((range + 1) * kAtOnce, count_);
            for (int64_t i = range * kAtOnce; i < last; ++i)
                if (used(i))
                    if (const uint64_t key = key_of(i); begin <= key && key < end)
                        of_range[range].push_back({key, static_cast<uint32_t>(i)});
        });
        size_t total = 0;
        for (const std::vector<Keyed>& items : of_range) total += items.size();
        std::vector<Keyed> items;
        items.reserve(total);
        for (std::vector<Keyed>& some : of_range) {
            items.insert(items.end(), some.begin(), some.end());
            std::vector<Keyed>().swap(some);
        }
        radix_sort(items);
        return items;
    }

private:
    const float* points_;
    const uint8_t* use_;
    int64_t count_, used_ = 0;
    float low_[3] = {INFINITY, INFINITY, INFINITY}, share_ = 1.0f;
    double scale_ = 0.0;
};

void fill_leaves(const float* points, const Curve& curve, Leaf* leaves, int64_t leaf_count, int threads) {
    const int64_t at_once = std::max(kSortedAtOnce, curve.count() / kMostParts);
    std::vector<uint64_t> keys = curve.splitters((curve.count() + at_once - 1) / at_once);
    keys.push_back(UINT64_MAX);
    int64_t place = 0;
    const auto put = [&](uint32_t id, float x, float y, float z) {
        Leaf& leaf = leaves[place / kLanes];
        leaf.ids[place % kLanes] = id;
        leaf.x[place % kLanes] = x;
        leaf.y[place % kLanes] = y;
        leaf.z[place % kLanes] = z;
        ++place;
    };
    for (size_t part = 0; part + 1 < keys.size(); ++part)
        for (const Keyed& item : curve.sorted(keys[part], keys[part + 1], threads)) {
            const float* point = points + 3 * static_cast<int64_t>(item.id);
            put(item.id, point[0], point[1], point[2]);
        }
    while (place < leaf_count * kLanes) put(0, INFINITY, INFINITY, INFINITY);
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

}  // namespace

PointTree point_tree(const float* points, const uint8_t* use, int64_t count, Leaf* leaves, int threads) {
    PointTree tree;
    const Curve curve(points, use, count);
    tree.count = curve.count();
    tree.numbers = count;
    tree.leaf_count = (tree.count + kLanes - 1) / kLanes;
    tree.leaves = leaves;
    if (!leaves) {
        tree.own_leaves = Buffer(sizeof(Leaf) * std::max<int64_t>(tree.leaf_count, 1));
        leaves = tree.leaves = tree.own_leaves.as<Leaf>();
    }
    fill_leaves(points, curve, leaves, tree.leaf_count, threads);
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
        set_box(nodes[l / kLanes], static_cast<int>(l % kLanes), axes, axes, tree.size_of(l));
    }
    for (int level = 1; level < tree.levels; ++level)
        for (int64_t n = 0; n < sizes[level - 1]; ++n) {
            const BoxNode& child = nodes[tree.first[level - 1] + n];
            set_box(nodes[tree.first[level] + n / kLanes], static_cast<int>(n % kLanes),
                    {child.low[0], child.low[1], child.low[2]}, {child.high[0], child.high[1], child.high[2]}, kLanes);
        }
    return tree;
}

}  // namespace splatseg
