// One step of Adam for numbers with a gradient of their own.
#include "image/adam.h"

#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int64_t kAtOnce = 1 << 14;  // numbers that a thread takes at a time

}  // namespace

void adam(const AdamStep& step, const float* gradient, const Trained& to, int64_t count, int threads) {
    const AdamVectors vectors(step);
    parallel_ranges(count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        adam_run(vectors, gradient ? gradient + begin : nullptr, to, begin, end - begin);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
