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
    const Leaf* leaves = tree.leaves;
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
    parallel_ranges(out.end - out.begin, kLeavesAtOnce, threads, [&](int64_t from, int64_t to, int) {
        for (int64_t own = out.begin + from; own < out.begin + to; ++own) {
            const Leaf& leaf = tree.leaves[own];
            for (int i = 0; i < tree.size_of(own); ++i) {
                Found found;
                found.k = out.k;
                for (int j = 0; j < out.k; ++j) found.squares[j] = INFINITY, found.ids[j] = leaf.ids[i];
                const Query query{broadcast(leaf.x[i]), broadcast(leaf.y[i]), broadcast(leaf.z[i]), leaf.ids[i]};
                search(tree, own, query, found);
                const int64_t row = ((own - out.begin) * kLanes + i) * out.k;
                std::memcpy(out.ids + row, found.ids, sizeof(uint32_t) * out.k);
                std::memcpy(out.squares + row, found.squares, sizeof(float) * out.k);
            }
        }
    });
}

namespace {

// Squares of floats are off by less than this share of them, and by less than kTiny where they are next to nothing.
constexpr float kOff = 1.0f + 4e-6f, kTiny = 1e-35f;

struct Nearest {
    double square = INFINITY;
    uint32_t id = UINT32_MAX;

    float bound() const { return static_cast<float>(square) * kOff + kTiny; }
};

SPLATSEG_INLINE Vec squares_of(Vec dx, Vec dy, Vec dz) { return fma(dx, dx, fma(dy, dy, dz * dz)); }

// Those of a leaf that may be nearest are compared once more, in double precision.
void try_leaf(const Leaf& leaf, const float* query, const Query& q, Nearest& best) {
    const Vec squares = squares_of(load(leaf.x) - q.x, load(leaf.y) - q.y, load(leaf.z) - q.z);
    for (uint32_t near = bits(at_least(broadcast(best.bound()), squares)); near; near &= near - 1) {
        const int i = __builtin_ctz(near);
        if (leaf.x[i] == INFINITY) continue;  // no point
        const double dx = static_cast<double>(leaf.x[i]) - query[0], dy = static_cast<double>(leaf.y[i]) - query[1],
                     dz = static_cast<double>(leaf.z[i]) - query[2];
        const double square = dx * dx + dy * dy + dz * dz;
        if (square < best.square || (square == best.square && leaf.ids[i] < best.id)) best = {square, leaf.ids[i]};
    }
}

// The nearer children of a node are looked into first: they bound the others.
void descend(const PointTree& tree, int level, int64_t at, const float* query, const Query& q, Nearest& best) {
    const BoxNode& node = tree.nodes.as<BoxNode>()[tree.first[level] + at];
    const Vec zero = broadcast(0.0f);
    const Vec squares = squares_of(max(max(load(node.low[0]) - q.x, q.x - load(node.high[0])), zero),
                                   max(max(load(node.low[1]) - q.y, q.y - load(node.high[1])), zero),
                                   max(max(load(node.low[2]) - q.z, q.z - load(node.high[2])), zero));
    alignas(64) float square[kLanes];
    store(square, squares);
    // Squares may overflow: what is no child is known by its box alone.
    uint32_t left =
        bits(both(at_least(broadcast(best.bound()), squares), greater(broadcast(INFINITY), load(node.low[0]))));
    while (left) {
        int next = __builtin_ctz(left);
        for (uint32_t others = left; others; others &= others - 1)
            if (const int child = __builtin_ctz(others); square[child] < square[next]) next = child;
        left &= ~(uint32_t{1} << next);
        if (!(square[next] <= best.bound())) return;
        const int64_t child = at * kLanes + next;
        if (level > 0)
            descend(tree, level - 1, child, query, q, best);
        else
            try_leaf(tree.leaves[child], query, q, best);
    }
}

}  // namespace

void nearest_points(const PointTree& tree, const Queries& queries, int threads) {
    constexpr int64_t kQueriesAtOnce = 256;
    parallel_ranges(queries.count, kQueriesAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
            const float* query = queries.points + 3 * i;
            const Query q{broadcast(query[0]), broadcast(query[1]), broadcast(query[2]), 0};
            Nearest best;
            descend(tree, tree.levels - 1, 0, query, q, best);
            queries.out[i] = static_cast<int32_t>(best.id);
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
