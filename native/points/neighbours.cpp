// The nearest neighbours of every point of a tree: first those along the curve, which bound the rest closely; then all
// boxes nearer than the bound, 16 at a time.
#include "points/neighbours.h"

#include <cmath>

#include "simd/simd.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

struct Found {  // rising
    float squares[kMostNeighbours];
    uint32_t ids[kMostNeighbours];
    int k;
};

SPLATSEG_INLINE void insert(Found& found, float square, uint32_t id) {
    int place = found.k - 1;
    for (; place > 0 && found.squares[place - 1] > square; --place) {
        found.squares[place] = found.squares[place - 1];
        found.ids[place] = found.ids[place - 1];
    }
    found.squares[place] = square;
    found.ids[place] = id;
}

struct Query {
    Vec x, y, z;
    uint32_t id;
};

SPLATSEG_INLINE void visit_leaf(const Leaf& leaf, const Query& q, Found& found) {
    const Vec dx = load(leaf.x) - q.x, dy = load(leaf.y) - q.y, dz = load(leaf.z) - q.z;
    const Vec square = fma(dx, dx, fma(dy, dy, dz * dz));
    uint32_t nearer = bits(greater(broadcast(found.squares[found.k - 1]), square));
    if (!nearer) return;
    alignas(64) float squares[kLanes];
    store(squares, square);
    for (; nearer; nearer &= nearer - 1) {
        const int i = __builtin_ctz(nearer);
        if (squares[i] < found.squares[found.k - 1] && leaf.ids[i] != q.id) insert(found, squares[i], leaf.ids[i]);
    }
}

SPLATSEG_INLINE uint32_t nearer_children(const BoxNode& node, const Query& q, float bound) {
    const Vec zero = broadcast(0.0f);
    const Vec dx = max(max(load(node.low[0]) - q.x, q.x - load(node.high[0])), zero);
    const Vec dy = max(max(load(node.low[1]) - q.y, q.y - load(node.high[1])), zero);
    const Vec dz = max(max(load(node.low[2]) - q.z, q.z - load(node.high[2])), zero);
    return bits(greater(broadcast(bound), fma(dx, dx, fma(dy, dy, dz * dz))));
}

struct Place {
    int level;
    int64_t node;
};

void search(const PointTree& tree, int64_t own, const Query& q, Found& found) {
    const Leaf* leaves = tree.leaves.as<Leaf>();
    const BoxNode* nodes = tree.nodes.as<BoxNode>();
    const int64_t begin = own > 0 ? own - 1 : 0, end = own + 2 < tree.leaf_count ? own + 2 : tree.leaf_count;
    visit_leaf(leaves[own], q, found);
    for (int64_t leaf = begin; leaf < end; ++leaf)
        if (leaf != own) visit_leaf(leaves[leaf], q, found);
    Place stack[16 * kLanes];
    int depth = 0;
    stack[depth++] = {tree.levels - 1, 0};
    while (depth) {
        const Place at = stack[--depth];
        const BoxNode& node = nodes[tree.first[at.level] + at.node];
        for (uint32_t left = nearer_children(node, q, found.squares[found.k - 1]); left; left &= left - 1) {
            const int64_t child = at.node * kLanes + __builtin_ctz(left);
            if (at.level > 0)
                stack[depth++] = {at.level - 1, child};
            else if (child < begin || child >= end)
                visit_leaf(leaves[child], q, found);
        }
    }
}

}  // namespace

void nearest_neighbours(const PointTree& tree, const Neighbours& out, int threads) {
    constexpr int64_t kLeavesAtOnce = 32;
    parallel_ranges(tree.leaf_count, kLeavesAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t own = begin; own < end; ++own) {
            const Leaf& leaf = tree.leaves.as<Leaf>()[own];
            for (int i = 0; i < leaf.count; ++i) {
                Found found;
                found.k = out.k;
                for (int j = 0; j < out.k; ++j) found.squares[j] = INFINITY, found.ids[j] = leaf.ids[i];
                const Query query{broadcast(leaf.x[i]), broadcast(leaf.y[i]), broadcast(leaf.z[i]), leaf.ids[i]};
                search(tree, own, query, found);
                const int64_t row = static_cast<int64_t>(leaf.ids[i]) * out.k;
                std::memcpy(out.ids + row, found.ids, sizeof(uint32_t) * out.k);
                std::memcpy(out.squares + row, found.squares, sizeof(float) * out.k);
            }
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
