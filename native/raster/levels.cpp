// Nested selections in one pass: of every pixel the innermost set that makes up more than a share of it.
//
// Sets 1..L are nested, and a Gaussian's level is that of the innermost set it is in, 0 for none. For each pixel
// weights are summed by level; the sums from the top down are then the pixel's shares of the sets, as if each had been
// blended.
// A block is done when what is left of its light can change no pixel any more, which is mostly long before it is gone.
#include <algorithm>

#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

// Levels from 1 that a tile has met, the highest first: only their sums are cleared and read, of mostly many more.
struct MetLevels {
    int count;
    uint8_t levels[256];
    bool met[256];

    // Returns whether the level is new.
    bool meet(int level) {
        if (met[level]) return false;
        met[level] = true;
        if (level == 0) return true;
        int place = count++;
        for (; place > 0 && levels[place - 1] < level; --place) levels[place] = levels[place - 1];
        levels[place] = static_cast<uint8_t>(level);
        return true;
    }
};

struct LevelScratch {
    Chunk chunk;
    MetLevels met;
    alignas(64) float weights[kChunk * kLanes];
    int32_t level[kChunk];
};

struct LevelTask {
    const Plan& plan;
    Limits limits;
    const uint8_t* levels;  // (N,)
    int count;              // L
    float share;
    uint8_t* out;  // (H,W)
};

// Whether `left` more of each pixel, of whatever level, leaves the result as it is. sums (count + 1, 16) of one block
bool is_decided(const LevelTask& task, const MetLevels& met, Vec left, const float* sums) {
    const Vec share = broadcast(task.share), most = fma(left, broadcast(1.0f + 1e-5f), broadcast(1e-6f));
    Vec above = broadcast(0.0f);
    uint32_t open = 0xffff;  // pixels whose level has not been come down to
    for (int i = 0; i < met.count && open; ++i) {
        const Vec before = above;
        above = above + load(sums + met.levels[i] * kLanes);
        const uint32_t here = bits(greater(above, share)) & open;
        if (here & bits(greater(before + most, share))) return false;
        open &= ~here;
    }
    return !(open & bits(greater(above + most, share)));
}

// sums (count + 1, 16) of one block
void write_block(const LevelTask& task, const MetLevels& met, const TileGeometry& g, int block, const float* sums) {
    alignas(64) float found[kLanes];
    Vec above = broadcast(0.0f), level = broadcast(0.0f);
    const Vec share = broadcast(task.share);
    for (int i = 0; i < met.count; ++i) {
        const Vec before = above;
        above = above + load(sums + met.levels[i] * kLanes);
        level = select(both(greater(above, share), at_least(share, before)), broadcast(met.levels[i]), level);
    }
    store(found, level);
    each_pixel(task.plan, g, block,
               [&](int lane, int64_t pixel) { task.out[pixel] = static_cast<uint8_t>(found[lane]); });
}

void levels_of_tile(const LevelTask& task, int64_t tile, LevelScratch& s, float* sums) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const int size = (task.count + 1) * kLanes;
    const Vec share = broadcast(std::max(task.share, 1.0f - task.share));
    s.met.count = 0;
    std::fill_n(s.met.met, 256, false);
    Blocks blocks;
    weigh_chunks(
        plan, g, task.limits, tile, blocks, s,
        [&](const uint32_t* ids, int n) {
            for (int k = 0; k < n; ++k) __builtin_prefetch(task.levels + ids[k]);
        },
        [&](const uint32_t* ids, int n) {
            for (int k = 0; k < n; ++k) {
                const int level = task.levels[ids[k]];
                s.level[k] = level * kLanes;
                if (s.met.meet(level))
                    for (int block = 0; block < kBlocks; ++block)
                        store(sums + block * size + level * kLanes, broadcast(0.0f));
            }
        },
        [&](int block) {
            float* own = sums + block * size;
            const int length = s.chunk.length[block];
            for (int i = 0; i < length; ++i) {
                float* sum = own + s.level[s.chunk.list[block][i]];
                store(sum, load(sum) + load(s.weights + i * kLanes));
            }
            const Vec left = blocks.state[block].T;
            if (!any(greater(left, share)) && is_decided(task, s.met, left, own))
                blocks.alive &= ~(BlockSet{1} << block);
        });
    for (int block = 0; block < kBlocks; ++block)
        if (lanes_inside(g, block)) write_block(task, s.met, g, block, sums + block * size);
}

}  // namespace

void blend_levels(const Plan& plan, const uint8_t* levels, int count, float share, uint8_t* out, int threads) {
    const LevelTask task{plan, limits_of(plan.cutoffs), levels, count, share, out};
    const size_t each = whole_lines(sizeof(LevelScratch)) + sizeof(float) * kBlocks * kLanes * (count + 1);
    const Buffer scratch(each * threads);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        char* mine = scratch.as<char>() + each * worker;
        levels_of_tile(task, tile, *reinterpret_cast<LevelScratch*>(mine),
                       reinterpret_cast<float*>(mine + whole_lines(sizeof(LevelScratch))));
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
