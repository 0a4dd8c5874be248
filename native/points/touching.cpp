// Points that touch, and the components of those that do: leaf by leaf of their tree, so that nothing is kept for every
// point but what is asked for. Level-independent.
#include <algorithm>
#include <cmath>
#include <map>

#include "memory/buffer.h"
#include "points/lengths.h"
#include "points/neighbours.h"
#include "simd/kernels.h"
#include "sparse/disjoint_sets.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kLeavesAtOnce = 4096, kAtOnce = 256;
constexpr int kSpare = 4;  // neighbours beyond the wanted ones
constexpr size_t kPending = 1 << 20;

// A point, and `k` of its neighbours, rising.
struct Neighbourhood {
    uint32_t id;
    const uint32_t* ids;
    const float* lengths;
};

// Finds the neighbours of all points, some leaves after the other, and calls visit(neighbourhoods, their number).
template <class F>
void for_some_points(const Kernels& kernels, const PointTree& tree, int k, int threads, const F& visit) {
    const int64_t most = std::min(kLeavesAtOnce, tree.leaf_count) * kLanes;
    const Buffer ids(sizeof(uint32_t) * most * k), squares(sizeof(float) * most * k);
    std::vector<Neighbourhood> found(most);
    for (int64_t begin = 0; begin < tree.leaf_count; begin += kLeavesAtOnce) {
        const int64_t end = std::min(begin + kLeavesAtOnce, tree.leaf_count);
        kernels.nearest_neighbours(tree, {ids.as<uint32_t>(), squares.as<float>(), k, begin, end}, threads);
        const int64_t count = std::min(end * kLanes, tree.count) - begin * kLanes;
        for (int64_t i = 0; i < count; ++i)
            found[i] = {tree.leaves[begin + i / kLanes].ids[i % kLanes], ids.as<uint32_t>() + i * k,
                        squares.as<float>() + i * k};
        visit(found.data(), count, squares.as<float>());
    }
}

// The same with k neighbours in the order of their distances in double precision.
template <class F>
void for_some_points_exactly(const Kernels& kernels, const PointTree& tree, const float* points, int k, int threads,
                             const F& visit) {
    struct Near {
        double square;
        uint32_t id;
    };
    // A few more than are wanted: rounding of the squares may have changed the order of the last.
    const int more = static_cast<int>(std::min<int64_t>({k + kSpare, tree.count - 1, kMostNeighbours}));
    std::vector<uint32_t> ids;
    std::vector<float> lengths;
    for_some_points(kernels, tree, more, threads, [&](Neighbourhood* found, int64_t count, float*) {
        ids.resize(count * k);
        lengths.resize(count * k);
        parallel_ranges(count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
            Near near[kMostNeighbours];
            for (int64_t i = begin; i < end; ++i) {
                for (int j = 0; j < more; ++j) {
                    const float *own = points + 3 * static_cast<int64_t>(found[i].id),
                                *other = points + 3 * static_cast<int64_t>(found[i].ids[j]);
                    double square = 0.0;
                    for (int axis = 0; axis < 3; ++axis) {
                        const double difference = static_cast<double>(own[axis]) - other[axis];
                        square += difference * difference;
                    }
                    near[j] = {square, found[i].ids[j]};
                }
                std::stable_sort(near, near + more, [](Near a, Near b) { return a.square < b.square; });
                for (int j = 0; j < k; ++j) {
                    lengths[i * k + j] = static_cast<float>(std::sqrt(near[j].square));
                    ids[i * k + j] = near[j].id;
                }
                found[i] = {found[i].id, ids.data() + i * k, lengths.data() + i * k};
            }
        });
        visit(found, count, lengths.data());
    });
}

// Lengths of `k` neighbours of all points, expected to be those of a few leaves from all over the tree.
Lengths lengths_of(const Kernels& kernels, const PointTree& tree, const TouchingRule& rule, int threads) {
    Lengths lengths(tree.count * rule.k, rule.kept);
    if (!lengths.counts()) return lengths;
    constexpr int64_t kSampled = 512;
    std::vector<uint32_t> ids(kLanes * rule.k);
    std::vector<float> squares(kLanes * rule.k), sample;
    for (int64_t i = 0; i < std::min(kSampled, tree.leaf_count); ++i) {
        const int64_t leaf = tree.leaf_count * i / std::min(kSampled, tree.leaf_count);
        kernels.nearest_neighbours(tree, {ids.data(), squares.data(), rule.k, leaf, leaf + 1}, threads);
        sample.insert(sample.end(), squares.begin(), squares.begin() + tree.size_of(leaf) * rule.k);
    }
    const auto middle = sample.begin() + static_cast<int64_t>(sample.size() / 2);
    std::nth_element(sample.begin(), middle, sample.end());
    lengths.expect(std::sqrt(*middle));
    return lengths;
}

struct Pending {  // may touch: it depends on the median
    float length;
    uint32_t a, b;
};

// Leaves of pairs only those that join what no shorter ones join: a minimum spanning forest (Kruskal 1956).
void thin_out(std::vector<Pending>& pending, DisjointSets sets) {
    std::sort(pending.begin(), pending.end(), [](const Pending& a, const Pending& b) { return a.length < b.length; });
    std::erase_if(pending, [&](const Pending& pair) {
        const auto a = static_cast<int32_t>(pair.a), b = static_cast<int32_t>(pair.b);
        if (sets.lowest(a) == sets.lowest(b)) return true;
        sets.join(a, b);
        return false;
    });
}

// Contacts of two groups: those that are sure, and the shortest of those that may be.
struct Contacts {
    int sure = 0;
    std::vector<float> shortest;  // rising, `least` at most

    void add(float length, int least) {
        shortest.insert(std::upper_bound(shortest.begin(), shortest.end(), length), length);
        if (static_cast<int>(shortest.size()) > least) shortest.pop_back();
    }
};

// out (n,): the lowest point of those that are joined.
void join_touching(const Kernels& kernels, const PointTree& tree, const float* reach, const TouchingRule& rule,
                   int32_t* out, int threads) {
    const int k = rule.k;
    DisjointSets sets(tree.numbers);
    std::vector<Pending> pending;
    size_t limit = kPending;
    Lengths lengths = lengths_of(kernels, tree, rule, threads);
    for_some_points(kernels, tree, k, threads, [&](const Neighbourhood* found, int64_t count, float* squares) {
        parallel_ranges(count * k, kAtOnce * k, threads, [&](int64_t begin, int64_t end, int) {
            for (int64_t i = begin; i < end; ++i) squares[i] = std::sqrt(squares[i]);
        });
        lengths.add(squares, count * k);
        for (int64_t i = 0; i < count; ++i)
            for (int j = 0; j < k; ++j) {
                const uint32_t a = found[i].id, b = found[i].ids[j];
                const float length = found[i].lengths[j];
                if (!(length > rule.reach_factor * (reach[a] + reach[b])))
                    sets.join(static_cast<int32_t>(a), static_cast<int32_t>(b));
                else if (sets.lowest(static_cast<int32_t>(a)) != sets.lowest(static_cast<int32_t>(b)))
                    pending.push_back({length, a, b});
            }
        if (pending.size() > limit) {
            thin_out(pending, sets);
            limit = std::max(limit, 2 * pending.size());
        }
    });
    while (!lengths.complete())
        for_some_points(kernels, tree, k, threads, [&](const Neighbourhood*, int64_t count, float* squares) {
            for (int64_t i = 0; i < count * k; ++i) squares[i] = std::sqrt(squares[i]);
            lengths.add(squares, count * k);
        });
    const float usual = rule.gap * lengths.median();
    for (const Pending& pair : pending)
        if (!(pair.length > usual)) sets.join(static_cast<int32_t>(pair.a), static_cast<int32_t>(pair.b));
    for (int64_t i = 0; i < tree.numbers; ++i) out[i] = sets.lowest(static_cast<int32_t>(i));
}

using Meetings = std::map<std::pair<int32_t, int32_t>, Contacts>;

}  // namespace

void touching(const Kernels& kernels, const PointTree& tree, const float* reach, const TouchingRule& rule, int32_t* out,
              int threads) {
    join_touching(kernels, tree, reach, rule, out, threads);
    // What is named by its first point gets its rank by size.
    std::vector<int32_t> sizes(tree.numbers, 0), firsts;
    for (int64_t i = 0; i < tree.numbers; ++i) ++sizes[out[i]];
    for (int64_t i = 0; i < tree.numbers; ++i)
        if (sizes[i]) firsts.push_back(static_cast<int32_t>(i));
    std::stable_sort(firsts.begin(), firsts.end(), [&](int32_t a, int32_t b) { return sizes[a] > sizes[b]; });
    for (size_t rank = 0; rank < firsts.size(); ++rank) sizes[firsts[rank]] = static_cast<int32_t>(rank);
    for (int64_t i = 0; i < tree.numbers; ++i) out[i] = sizes[out[i]];
}

std::vector<std::pair<int32_t, int32_t>> touching_groups(const Kernels& kernels, const PointTree& tree,
                                                         const float* points, const float* reach, const int32_t* groups,
                                                         const TouchingRule& rule, int least, int threads) {
    const int k = rule.k;
    Meetings meetings;
    Lengths lengths = lengths_of(kernels, tree, rule, threads);
    for_some_points_exactly(
        kernels, tree, points, k, threads, [&](const Neighbourhood* found, int64_t count, const float* some) {
            lengths.add(some, count * k);
            for (int64_t i = 0; i < count; ++i)
                for (int j = 0; j < k; ++j) {
                    const uint32_t a = found[i].id, b = found[i].ids[j];
                    if (groups[a] == groups[b] || groups[a] <= 0 || groups[b] <= 0) continue;
                    Contacts& contacts = meetings[std::minmax(groups[a], groups[b])];
                    const float length = found[i].lengths[j], bridged = rule.reach_factor * (reach[a] + reach[b]);
                    if (length <= bridged)
                        contacts.sure = std::min(contacts.sure + 1, least);
                    else if (length > bridged)  // not of a reach that is no number
                        contacts.add(length, least);
                }
        });
    while (!lengths.complete())
        for_some_points_exactly(
            kernels, tree, points, k, threads,
            [&](const Neighbourhood*, int64_t count, const float* some) { lengths.add(some, count * k); });
    const float usual = rule.gap * lengths.median();
    std::vector<std::pair<int32_t, int32_t>> pairs;
    for (const auto& [pair, contacts] : meetings) {
        const auto near = std::count_if(contacts.shortest.begin(), contacts.shortest.end(),
                                        [&](float length) { return length <= usual; });
        if (contacts.sure + near >= least) pairs.push_back(pair);
    }
    return pairs;
}

void touching_neighbours(const Kernels& kernels, const PointTree& tree, const float* points, const float* reach,
                         const TouchingRule& rule, int32_t* out, int threads) {
    const int k = rule.k;
    std::vector<float> length_of(tree.count * k);
    Lengths lengths(tree.count * k, tree.count * k);
    for_some_points_exactly(
        kernels, tree, points, k, threads, [&](const Neighbourhood* found, int64_t count, const float* some) {
            lengths.add(some, count * k);
            for (int64_t i = 0; i < count; ++i) {
                std::copy_n(found[i].lengths, k, length_of.data() + static_cast<int64_t>(found[i].id) * k);
                std::copy_n(reinterpret_cast<const int32_t*>(found[i].ids), k,
                            out + static_cast<int64_t>(found[i].id) * k);
            }
        });
    const float usual = rule.gap * lengths.median();
    parallel_ranges(tree.count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = i * k; j < (i + 1) * k; ++j)
                if (!(length_of[j] <= std::max(rule.reach_factor * (reach[i] + reach[out[j]]), usual))) out[j] = -1;
    });
}

}  // namespace splatseg
