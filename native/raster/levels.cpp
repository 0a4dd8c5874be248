// Nested selections in one pass: of every pixel the innermost set that makes up more than a share of it.
//
// Sets 1..L are nested, and a Gaussian's level is that of the innermost set it is in, 0 for none. For each pixel
// weights are summed by level; the sums from the top down are then the pixel's shares of the sets, as if each had been
// blended.
// A block is done when what is left of its light can change no pixel any more, which is mostly long before it is gone.
// Tiles that no Gaussian of a set meets are left out: a selection is mostly a small part of a picture.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

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

constexpr int64_t kAtOnce = 1 << 14;  // Gaussians whose levels one thread looks at
constexpr int64_t kOfMany = 16;       // more than one Gaussian in so many meet most tiles: not worth looking for them
constexpr int64_t kWord = sizeof(uint64_t);

// Marks in `met` (T,) the tiles with one of the Gaussians [begin, end) that is in a set; returns how many are.
int64_t mark_tiles(const Plan& plan, const uint8_t* levels, int64_t begin, int64_t end, uint8_t* met) {
    const uint32_t *touches = plan.first_touch.as<uint32_t>(), *entries = plan.entry_of_touch.as<uint32_t>();
    const uint32_t *starts = plan.tile_start.as<uint32_t>(), *last = starts + plan.tiles_x * plan.tiles_y;
    int64_t found = 0;
    for (int64_t first = begin; first < end; first += kWord) {
        const int64_t n = std::min(kWord, end - first);
        uint64_t word = 0;
        std::memcpy(&word, levels + first, n);
        if (!word) continue;
        for (int64_t id = first; id < first + n; ++id) {
            if (!levels[id]) continue;
            ++found;
            for (uint32_t touch = touches[id]; touch < touches[id + 1]; ++touch)
                met[std::upper_bound(starts, last, entries[touch]) - starts - 1] = 1;
        }
    }
    return found;
}

// The tiles (T,) with a Gaussian that is in a set, by 1; all of them if there are many such Gaussians.
std::vector<uint8_t> tiles_met(const Plan& plan, const uint8_t* levels, int threads) {
    const int64_t tiles = static_cast<int64_t>(plan.tiles_x) * plan.tiles_y;
    std::vector<uint8_t> of_workers(tiles * threads, 0), met(tiles, 0);
    std::atomic<int64_t> found{0};
    parallel_ranges(plan.count, kAtOnce, threads, [&](int64_t begin, int64_t end, int worker) {
        if (found <= plan.count / kOfMany)
            found += mark_tiles(plan, levels, begin, end, of_workers.data() + worker * tiles);
    });
    if (found > plan.count / kOfMany) return std::vector<uint8_t>(tiles, 1);
    for (int64_t each = 0; each < tiles * threads; ++each) met[each % tiles] |= of_workers[each];
    return met;
}

void write_nothing(const Plan& plan, int64_t tile, uint8_t* out) {
    const TileGeometry g = tile_geometry(plan, tile);
    for (int y = g.top; y < g.top + g.height; ++y)
        std::memset(out + static_cast<int64_t>(y) * plan.camera.width + g.left, 0, g.width);
}

}  // namespace

void blend_levels(const Plan& plan, const uint8_t* levels, int count, float share, uint8_t* out, int threads) {
    const LevelTask task{plan, limits_of(plan.cutoffs), levels, count, share, out};
    const size_t each = whole_lines(sizeof(LevelScratch)) + sizeof(float) * kBlocks * kLanes * (count + 1);
    const Buffer scratch(each * threads);
    const std::vector<uint8_t> met = tiles_met(plan, levels, threads);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        if (!met[tile]) return write_nothing(plan, tile, out);
        char* mine = scratch.as<char>() + each * worker;
        levels_of_tile(task, tile, *reinterpret_cast<LevelScratch*>(mine),
                       reinterpret_cast<float*>(mine + whole_lines(sizeof(LevelScratch))));
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
