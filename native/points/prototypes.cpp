// The most similar prototype of every row, without comparing all pairs, and yet exactly that of comparing all.
//
// Rows are taken together that have the same guess g. On the unit sphere |f - p| >= |g - p| - |f - g|, so only
// prototypes p near the guess can be nearer than the best so far; they are tried in order of their distance from it.
// The products are sums in the order of the channels, one fused step each: those of a matrix product. Rounding is far
// below kSlack, which is allowed on every square of a distance.
//
// Alphabet: f rows, p prototypes, g guesses; square of a distance = 2 - 2 x product.
#include "points/prototypes.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "memory/buffer.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

// Vectors of rows, and prototypes, whose products are summed in step, as registers allow.
#if defined(__AVX512F__)
constexpr int kVectors = 2, kAtOnce = 8;
#elif defined(__AVX__)
constexpr int kVectors = 1, kAtOnce = 4;
#else
constexpr int kVectors = 1, kAtOnce = 2;
#endif
constexpr int kBatch = kVectors * kLanes;
constexpr int64_t kRowsATask = 32 * kBatch;
constexpr float kSlack = 1e-4f, kUnit = 1e-5f;  // of squares
constexpr int64_t kMostChannels = 512;          // whose rounding is below kSlack whatever they are

struct Task {  // rows of one guess, places in the order by guess
    int32_t guess;
    int64_t begin, end;
};

struct Candidate {
    float distance;  // from the guess
    int32_t id;
};

// Memory of one worker.
struct Scratch {
    Buffer rows;  // float (channels, kBatch)
    std::vector<Candidate> candidates;
};

struct Best {
    Vec product[kVectors], id[kVectors];
};

SPLATSEG_INLINE float square_of(const float* row, int64_t channels) {
    float sum = 0.0f;
    for (int64_t c = 0; c < channels; ++c) sum += row[c] * row[c];
    return sum;
}

SPLATSEG_INLINE bool is_unit(const float* row, int64_t channels) {  // false for NaN
    return std::abs(square_of(row, channels) - 1.0f) < kUnit;
}

SPLATSEG_INLINE Vec distances(Vec products) {
    return sqrt(max(fnma(broadcast(2.0f), products, broadcast(2.0f + kSlack)), broadcast(0.0f)));
}

// Copies n <= kBatch rows so that the lanes are rows; those beyond n are the last one once more.
SPLATSEG_NOINLINE void load_rows(const FeatureRows& t, const uint32_t* ids, int n, float* out) {
    const int64_t whole = t.channels / kLanes * kLanes;
    for (int v = 0; v < kVectors; ++v) {
        const float* from[kLanes];
        for (int i = 0; i < kLanes; ++i) from[i] = t.features + ids[std::min(v * kLanes + i, n - 1)] * t.channels;
        for (int64_t c = 0; c < whole; c += kLanes) {
            Vec rows[kLanes];
            SPLATSEG_UNROLL
            for (int i = 0; i < kLanes; ++i) rows[i] = load(from[i] + c);
            transpose(rows);
            SPLATSEG_UNROLL
            for (int i = 0; i < kLanes; ++i) store(out + (c + i) * kBatch + v * kLanes, rows[i]);
        }
        for (int64_t c = whole; c < t.channels; ++c)
            for (int i = 0; i < kLanes; ++i) out[c * kBatch + v * kLanes + i] = from[i][c];
    }
}

// Products of the rows with kCount prototypes, kept where they are better, or as good and earlier.
template <int kCount>
SPLATSEG_NOINLINE void try_prototypes(const FeatureRows& t, const float* rows, const Candidate* candidates,
                                      Best& best) {
    const float* p[kCount];
    Vec sums[kCount][kVectors];
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) {
        p[j] = t.prototypes + candidates[j].id * t.channels;
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[j][v] = broadcast(0.0f);
    }
    for (int64_t c = 0; c < t.channels; ++c) {
        Vec f[kVectors];
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) f[v] = load(rows + c * kBatch + v * kLanes);
        SPLATSEG_UNROLL
        for (int j = 0; j < kCount; ++j) {
            const Vec w = broadcast(p[j][c]);
            SPLATSEG_UNROLL
            for (int v = 0; v < kVectors; ++v) sums[j][v] = fma(f[v], w, sums[j][v]);
        }
    }
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) {
        const Vec id = broadcast(static_cast<float>(candidates[j].id));
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) {
            const Vec product = sums[j][v];
            const Mask as_good = both(at_least(product, best.product[v]), at_least(best.product[v], product));
            best.id[v] = select(both(as_good, greater(best.id[v], id)), id, best.id[v]);
            best.id[v] = select(greater(product, best.product[v]), id, best.id[v]);
            best.product[v] = select(greater(product, best.product[v]), product, best.product[v]);
        }
    }
}

// Where what was found of the rows goes.
struct Out {
    int32_t* ids;
    float* products;  // or null
};

void write_best(const Best& best, const uint32_t* ids, int n, const Out& out) {
    alignas(64) float id[kBatch], product[kBatch];
    for (int v = 0; v < kVectors; ++v) store(id + v * kLanes, best.id[v]), store(product + v * kLanes, best.product[v]);
    for (int i = 0; i < n; ++i) {
        out.ids[ids[i]] = static_cast<int32_t>(id[i]);
        if (out.products) out.products[ids[i]] = product[i];
    }
}

// Tries candidates in their order until none that follows can be better.
template <class Done>
SPLATSEG_INLINE void try_all(const FeatureRows& t, const float* rows, const std::vector<Candidate>& candidates,
                             Best& best, const Done& done) {
    size_t at = 0;
    for (; at + kAtOnce <= candidates.size(); at += kAtOnce) {
        if (done(candidates[at].distance)) return;
        try_prototypes<kAtOnce>(t, rows, candidates.data() + at, best);
    }
    for (; at < candidates.size(); ++at) try_prototypes<1>(t, rows, candidates.data() + at, best);
}

// Rows without a guess, and those that are not of unit length: all prototypes.
void search_all(const FeatureRows& t, const uint32_t* ids, int64_t count, Scratch& s, const Out& out) {
    s.candidates.clear();
    for (int64_t k = 0; k < t.prototype_count; ++k) s.candidates.push_back({0.0f, static_cast<int32_t>(k)});
    for (int64_t first = 0; first < count; first += kBatch) {
        const int n = static_cast<int>(std::min<int64_t>(kBatch, count - first));
        load_rows(t, ids + first, n, s.rows.as<float>());
        Best best;
        for (int v = 0; v < kVectors; ++v) best.product[v] = broadcast(-INFINITY), best.id[v] = broadcast(0.0f);
        try_all(t, s.rows.as<float>(), s.candidates, best, [](float) { return false; });
        write_best(best, ids + first, n, out);
    }
}

// between (K,) products of the guess with all prototypes.
void search_near(const FeatureRows& t, int32_t guess, const float* between, const uint32_t* ids, int64_t count,
                 Scratch& s, const Out& out) {
    const float* rows = s.rows.as<float>();
    const Candidate own{0.0f, guess};
    const auto start = [&](int64_t first, int n) {
        load_rows(t, ids + first, n, s.rows.as<float>());
        Best best;
        for (int v = 0; v < kVectors; ++v) best.product[v] = broadcast(-INFINITY), best.id[v] = broadcast(0.0f);
        try_prototypes<1>(t, rows, &own, best);
        return best;
    };
    float farthest = 0.0f;  // from the guess
    for (int64_t first = 0; first < count; first += kBatch) {
        const Best best = start(first, static_cast<int>(std::min<int64_t>(kBatch, count - first)));
        alignas(64) float lane[kLanes];
        for (int v = 0; v < kVectors; ++v) {
            store(lane, distances(best.product[v]));
            farthest = std::max(farthest, *std::max_element(lane, lane + kLanes));
        }
    }
    s.candidates.clear();
    for (int64_t k = 0; k < t.prototype_count; ++k) {
        const float distance = std::sqrt(std::max(2.0f - kSlack - 2.0f * between[k], 0.0f));
        if (k != guess && distance <= 2.0f * farthest) s.candidates.push_back({distance, static_cast<int32_t>(k)});
    }
    std::sort(s.candidates.begin(), s.candidates.end(),
              [](Candidate a, Candidate b) { return std::pair(a.distance, a.id) < std::pair(b.distance, b.id); });
    for (int64_t first = 0; first < count; first += kBatch) {
        const int n = static_cast<int>(std::min<int64_t>(kBatch, count - first));
        Best best = start(first, n);
        Vec from_guess[kVectors];
        for (int v = 0; v < kVectors; ++v) from_guess[v] = distances(best.product[v]);
        try_all(t, rows, s.candidates, best, [&](float distance) {
            uint32_t open = 0;
            for (int v = 0; v < kVectors; ++v)
                open |= bits(at_least(from_guess[v] + distances(best.product[v]), broadcast(distance)));
            return open == 0;
        });
        write_best(best, ids + first, n, out);
    }
}

// Rows by guess, each guess's ascending; those that are compared with all prototypes at the end, as guess K.
std::vector<Task> order_by_guess(const FeatureRows& t, int threads, uint32_t* order) {
    const int64_t groups = t.prototype_count + 1;
    bool all_unit = t.channels <= kMostChannels;
    for (int64_t k = 0; k < t.prototype_count; ++k)
        all_unit = all_unit && is_unit(t.prototypes + k * t.channels, t.channels);
    std::vector<int32_t> guess_of(t.count);
    parallel_ranges(t.count, kRowsATask, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
            const bool near = t.guesses[i] >= 0 && all_unit && is_unit(t.features + i * t.channels, t.channels);
            guess_of[i] = near ? t.guesses[i] : static_cast<int32_t>(t.prototype_count);
        }
    });
    std::vector<int64_t> first(groups + 1, 0);
    for (int64_t i = 0; i < t.count; ++i) ++first[guess_of[i] + 1];
    for (int64_t g = 0; g < groups; ++g) first[g + 1] += first[g];
    std::vector<Task> tasks;
    for (int64_t g = 0; g < groups; ++g)
        for (int64_t begin = first[g]; begin < first[g + 1]; begin += kRowsATask)
            tasks.push_back({static_cast<int32_t>(g), begin, std::min(begin + kRowsATask, first[g + 1])});
    for (int64_t i = 0; i < t.count; ++i) order[first[guess_of[i]]++] = static_cast<uint32_t>(i);
    return tasks;
}

}  // namespace

void nearest_prototypes(const FeatureRows& t, int32_t* found, float* found_products, int threads) {
    const Out out{found, found_products};
    const Buffer order(sizeof(uint32_t) * t.count);
    const std::vector<Task> tasks = order_by_guess(t, threads, order.as<uint32_t>());
    // Prototypes as lanes, so that one guess meets 16 at a time.
    const int64_t stride = whole_vectors(t.prototype_count);
    const Buffer across(sizeof(float) * stride * t.channels);
    for (int64_t c = 0; c < t.channels; ++c)
        for (int64_t k = 0; k < stride; ++k)
            across.as<float>()[c * stride + k] = k < t.prototype_count ? t.prototypes[k * t.channels + c] : 0.0f;
    std::vector<Scratch> scratch(threads);
    std::vector<std::vector<float>> between(threads, std::vector<float>(stride));
    for (Scratch& s : scratch) s.rows = Buffer(sizeof(float) * kBatch * std::max<int64_t>(t.channels, 1));
    parallel_for(static_cast<int64_t>(tasks.size()), threads, [&](int64_t index, int worker) {
        const Task& task = tasks[index];
        const uint32_t* ids = order.as<uint32_t>() + task.begin;
        const int64_t count = task.end - task.begin;
        if (task.guess == t.prototype_count) return search_all(t, ids, count, scratch[worker], out);
        float* products = between[worker].data();
        std::fill_n(products, stride, 0.0f);
        for (int64_t c = 0; c < t.channels; ++c) {
            const Vec w = broadcast(t.prototypes[task.guess * t.channels + c]);
            const float* of_channel = across.as<float>() + c * stride;
            for (int64_t k = 0; k < stride; k += kLanes)
                store(products + k, fma(load(of_channel + k), w, load(products + k)));
        }
        search_near(t, task.guess, products, ids, count, scratch[worker], out);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
