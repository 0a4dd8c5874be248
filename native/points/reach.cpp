// One pass over all spheres, a chunk at a time: its coordinates are taken apart, so that the compiler makes vectors of
// the sums. Level-independent: memory, not arithmetic, sets its time.
#include "points/reach.h"

#include <algorithm>
#include <cmath>

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kAtOnce = 1 << 16;
constexpr int kChunk = 256;

struct Chunk {
    alignas(64) float x[kChunk], y[kChunk], z[kChunk], slack[kChunk];
    alignas(64) uint32_t out[kChunk];
};

void reaching_chunk(const float* means, const float* reaches, int n, const Region& region, Chunk& c, uint8_t* out) {
    for (int i = 0; i < n; ++i) {
        c.x[i] = means[3 * i];
        c.y[i] = means[3 * i + 1];
        c.z[i] = means[3 * i + 2];
    }
    const Sum s = region.slack;
    for (int i = 0; i < n; ++i) {
        c.slack[i] = s.x * std::fabs(c.x[i]) + s.y * std::fabs(c.y[i]) + s.z * std::fabs(c.z[i]) + s.offset +
                     s.spread * reaches[i];
        c.out[i] = 0;
    }
    for (int64_t face = 0; face < region.count; ++face) {
        const Sum f = region.faces[face];
        for (int i = 0; i < n; ++i) {
            const float sum = f.x * c.x[i] + f.y * c.y[i] + f.z * c.z[i] + f.offset + f.spread * reaches[i];
            c.out[i] |= sum + c.slack[i] < 0.0f;
        }
    }
    for (int i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(1 - c.out[i]);
}

}  // namespace

void reaching(const Spheres& spheres, const Region& region, uint8_t* out, int threads) {
    parallel_ranges(spheres.count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        Chunk chunk;
        for (int64_t first = begin; first < end; first += kChunk) {
            const int n = static_cast<int>(std::min<int64_t>(kChunk, end - first));
            reaching_chunk(spheres.means + 3 * first, spheres.reaches + first, n, region, chunk, out + first);
        }
    });
}

}  // namespace splatseg
