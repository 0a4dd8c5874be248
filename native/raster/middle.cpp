// The value in the middle of each pixel's light: a mean over the Gaussians between its first and its last quarter.
//
// Along a ray the weights of Gaussians, front to back, fill the pixel's light from 0 to 1. Only what lies between 1/4
// and 3/4 counts. So a little that shines through from far behind, or floats far in front, moves nothing, where a
// mean over all weights would follow it; and unlike a median the value is continuous in the weights.
#include <algorithm>

#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr float kFirst = 0.25f, kLast = 0.75f;

struct MiddleScratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];
    float values[kChunk];
};

struct MiddleTask {
    const Plan& plan;
    Limits limits;
    const float* values;  // (N,)
    float* out;           // (H,W)
};

// What a block has seen so far.
struct Seen {
    Vec light;  // sum of weights
    Vec sum;    // of values, weighted by what of their light lies in the middle
};

void write_block(const MiddleTask& task, const TileGeometry& g, int block, const Seen& seen) {
    alignas(64) float light[kLanes], sum[kLanes];
    store(light, seen.light);
    store(sum, seen.sum);
    each_pixel(task.plan, g, block, [&](int lane, int64_t pixel) {
        const float middle = std::min(light[lane], kLast) - kFirst;
        task.out[pixel] = middle > 0.0f ? sum[lane] / middle : 0.0f;
    });
}

void middle_of_tile(const MiddleTask& task, int64_t tile, MiddleScratch& s) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const Vec first = broadcast(kFirst), last = broadcast(kLast), zero = broadcast(0.0f);
    Seen seen[kBlocks];
    for (Seen& block : seen) block = {zero, zero};
    Blocks blocks;
    weigh_chunks(
        plan, g, task.limits, tile, blocks, s,
        [&](const uint32_t* ids, int n) {
            for (int k = 0; k < n; ++k) s.values[k] = task.values[ids[k]];
        },
        [](const uint32_t*, int) {},
        [&](int block) {
            Seen& own = seen[block];
            for (int i = 0; i < s.chunk.length[block]; ++i) {
                const Vec before = max(own.light, first);
                own.light = own.light + load(s.weights + i * kLanes);
                const Vec part = max(min(own.light, last) - before, zero);
                own.sum = fma(part, broadcast(s.values[s.chunk.list[block][i]]), own.sum);
            }
            if (!any(greater(last, own.light))) blocks.alive &= ~(BlockSet{1} << block);
        });
    for (int block = 0; block < kBlocks; ++block)
        if (lanes_inside(g, block)) write_block(task, g, block, seen[block]);
}

}  // namespace

void blend_middle(const Plan& plan, const float* values, float* out, int threads) {
    const MiddleTask task{plan, limits_of(plan.cutoffs), values, out};
    const size_t each = whole_lines(sizeof(MiddleScratch));
    const Buffer scratch(each * threads);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        middle_of_tile(task, tile, *reinterpret_cast<MiddleScratch*>(scratch.as<char>() + each * worker));
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
