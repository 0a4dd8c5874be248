// The most multiply-adds a processor can do at this SIMD level: what every time of a benchmark is set beside.
#include <chrono>

#include "simd/simd.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kChains = 12;  // independent sums: more than the latency of an FMA times those begun in a cycle
#elif defined(__AVX__)
constexpr int kChains = 6;
#else
constexpr int kChains = 3;
#endif

SPLATSEG_NOINLINE float multiply_add(int64_t rounds, float seed) {
    alignas(64) float lane[kLanes];
    for (int k = 0; k < kLanes; ++k) lane[k] = seed + static_cast<float>(k);  // all different, or they are done once
    Vec sum[kChains];
    SPLATSEG_UNROLL
    for (int c = 0; c < kChains; ++c) sum[c] = load(lane) + broadcast(static_cast<float>(c));
    const Vec factor = broadcast(0.999f), step = broadcast(1e-3f);
    for (int64_t r = 0; r < rounds; ++r) {
        SPLATSEG_UNROLL
        for (int c = 0; c < kChains; ++c) sum[c] = fma(sum[c], factor, step);
    }
    float total = 0.0f;
    for (int c = 0; c < kChains; ++c) {
        store(lane, sum[c]);
        for (int k = 0; k < kLanes; ++k) total += lane[k];
    }
    return total;
}

}  // namespace

double peak_gflops(int threads) {
    constexpr int64_t kRounds = 400000;
    double best = 0.0;
    for (int repeat = 0; repeat < 5; ++repeat) {
        volatile float keep = 0.0f;  // or the loop would not be run
        const auto begin = std::chrono::steady_clock::now();
        parallel_for(threads, threads, [&](int64_t part, int) {
            const float total = multiply_add(kRounds, static_cast<float>(part));
            if (part == 0) keep = total;
        });
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        const double rate = 2.0 * kLanes * kChains * static_cast<double>(kRounds) * threads / seconds.count() * 1e-9;
        if (rate > best) best = rate;
    }
    return best;
}

}  // namespace splatseg::SPLATSEG_LEVEL
