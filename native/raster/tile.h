// One tile at work: Gaussians come in chunks, front to back; for each 4x4-pixel block a branch-free list of those whose
// ellipse alpha >= alpha_min meets it; then the weights of a list, 16 pixels at a time.
//
// Alphabet: k index in the chunk; p = log2 alpha; T transmittance; (left, top) px of the tile; blocks row by row.
#pragma once

#include "raster/raster.h"
#include "simd/simd.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {

constexpr int kChunk = 128;          // Gaussians at a time: their fields and features stay in the L1 cache
constexpr float kListSlack = 1e-3f;  // log2 units by which lists are too generous; rounding must not lose a pixel

// Gaussians whose alphas are computed in step, as registers allow: one chain of 20 dependent operations waits too long.
#if defined(__AVX512F__)
constexpr int kAtOnce = 4;
#else
constexpr int kAtOnce = 2;
#endif

using BlockSet = uint64_t;  // one bit for each block of a tile

struct Chunk {
    // p = log2_opacity - u^2 - v^2,  u = ux x + uy y + u0,  v = vy y + v0,  (x, y) from the tile's centre
    alignas(64) float ux[kChunk], uy[kChunk], u0[kChunk], vy[kChunk], v0[kChunk], log2_opacity[kChunk];
    alignas(64) float mean_x[kChunk], mean_y[kChunk];    // px from the tile's centre
    alignas(64) int32_t list[kBlocks][kChunk + kLanes];  // indices in the chunk, ascending; the rest is scratch
    int length[kBlocks];
    uint32_t used[kChunk / kLanes];  // one bit each: those that are in any list
};

// The running product of (1 - alpha) of one block. It runs on after a pixel has stopped, as in the definition.
struct BlockState {
    Vec T;       // product so far
    Vec T_last;  // product over the Gaussians that were blended
};

struct TileGeometry {
    int left, top, width, height;  // px; width and height of the part inside the image
    int inside_x(int column) const { return width - column * kBlock < kBlock ? width - column * kBlock : kBlock; }
    int inside_y(int row) const { return height - row * kBlock < kBlock ? height - row * kBlock : kBlock; }
};

SPLATSEG_INLINE TileGeometry tile_geometry(const Plan& plan, int64_t tile) {
    TileGeometry g;
    g.left = static_cast<int>(tile % plan.tiles_x) * kTile;
    g.top = static_cast<int>(tile / plan.tiles_x) * kTile;
    g.width = plan.camera.width - g.left < kTile ? plan.camera.width - g.left : kTile;
    g.height = plan.camera.height - g.top < kTile ? plan.camera.height - g.top : kTile;
    return g;
}

// Calls work(tile, worker) for every tile of the plan, in an order in which neighbours follow one another.
template <class F>
SPLATSEG_INLINE void for_each_tile(const Plan& plan, int threads, const F& work) {
    parallel_for(static_cast<int64_t>(plan.tiles_x) * plan.tiles_y, threads,
                 [&](int64_t place, int worker) { work(plan.tile_order.as<uint32_t>()[place], worker); });
}

// The first pixel of a block, counted row by row in the image.
SPLATSEG_INLINE int64_t corner_of(const Plan& plan, const TileGeometry& g, int block) {
    const int64_t width = plan.camera.width;
    return (g.top + (block / kSide) * kBlock) * width + g.left + (block % kSide) * kBlock;
}

// Calls use(lane, pixel) for each pixel of a block that is in the image; pixels are counted row by row in the image.
template <class F>
SPLATSEG_INLINE void each_pixel(const Plan& plan, const TileGeometry& g, int block, const F& use) {
    const int64_t corner = corner_of(plan, g, block);
    for (int y = 0; y < g.inside_y(block / kSide); ++y)
        for (int x = 0; x < g.inside_x(block % kSide); ++x) use(4 * y + x, corner + y * plan.camera.width + x);
}

// Lanes of block b that are pixels of the image.
SPLATSEG_INLINE uint32_t lanes_inside(const TileGeometry& g, int block) {
    const int nx = g.inside_x(block % kSide), ny = g.inside_y(block / kSide);
    if (nx <= 0 || ny <= 0) return 0;
    const uint32_t row = (1u << nx) - 1;
    uint32_t lanes = 0;
    for (int y = 0; y < ny; ++y) lanes |= row << (4 * y);
    return lanes;
}

// Column and row of a pixel in its block.
alignas(64) constexpr float kLaneX[kLanes] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
alignas(64) constexpr float kLaneY[kLanes] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};

// Inside a tile positions are relative to its centre: small numbers, hence small rounding errors.
SPLATSEG_INLINE float centre_x(const TileGeometry& g) { return static_cast<float>(g.left + kTile / 2); }
SPLATSEG_INLINE float centre_y(const TileGeometry& g) { return static_cast<float>(g.top + kTile / 2); }
SPLATSEG_INLINE float block_left(int block) {  // the first column of pixel centres
    return static_cast<float>((block % kSide) * kBlock - kTile / 2) + 0.5f;
}
SPLATSEG_INLINE float block_top(int block) { return static_cast<float>((block / kSide) * kBlock - kTile / 2) + 0.5f; }

// The cut-offs as the inner loops use them. p = log2 alpha.
struct Limits {
    float p_min, alpha_max, T_min;
};

SPLATSEG_INLINE Limits limits_of(const Cutoffs& cutoffs) {
    alignas(64) float lane[kLanes];
    store(lane, log2(broadcast(cutoffs.alpha_min)));
    return {lane[0], cutoffs.alpha_max, cutoffs.transmittance_min};
}

// Loads n <= kChunk Gaussians and lists them for every block of `alive` (one bit each). The test is exact: the largest
// p on the rectangle of a block's pixel centres lies, if the mean is outside, on one of the two edges facing it.
SPLATSEG_NOINLINE void load_chunk(const Plan& plan, const TileGeometry& g, const Limits& limits, const uint32_t* ids,
                                  int n, BlockSet alive, Chunk& chunk) {
    const Splat2d* splats = plan.splats.as<Splat2d>();
    const Vec zero = broadcast(0.0f), three = broadcast(kBlock - 1.0f);
    const Vec threshold = broadcast(limits.p_min - kListSlack);
    for (int block = 0; block < kBlocks; ++block) chunk.length[block] = 0;
    for (int first = 0; first < n; first += kLanes) {
        const int m = n - first < kLanes ? n - first : kLanes;
        const float* records[kLanes];
        for (int i = 0; i < kLanes; ++i)
            records[i] = reinterpret_cast<const float*>(splats + ids[first + (i < m ? i : m - 1)]);
        Vec f[8];
        load_records(records, f);
        const Vec mx = f[0] - broadcast(centre_x(g)), my = f[1] - broadcast(centre_y(g));
        const Vec ux = f[2], uy = f[3], vy = f[4], slope_y = f[6], slope_x = f[7];
        store(chunk.mean_x + first, mx);
        store(chunk.mean_y + first, my);
        store(chunk.ux + first, ux);
        store(chunk.uy + first, uy);
        store(chunk.u0 + first, -fma(ux, mx, uy * my));
        store(chunk.vy + first, vy);
        store(chunk.v0 + first, -(vy * my));
        store(chunk.log2_opacity + first, f[5]);
        const Vec reach = f[5] - threshold;  // the largest u^2 + v^2 that still counts
        const uint32_t present = first_lanes(m);
        Vec low_y[kSide], high_y[kSide], free_x[kSide], row_u[kSide], row_v2[kSide];
        for (int row = 0; row < kSide; ++row) {
            low_y[row] = broadcast(block_top(kSide * row)) - my;
            high_y[row] = low_y[row] + three;
            const Vec dy = clamp(zero, low_y[row], high_y[row]), v = vy * dy;  // of the nearest row of pixels
            free_x[row] = slope_x * dy;
            row_u[row] = uy * dy;
            row_v2[row] = v * v;
        }
        uint32_t used = 0;
        for (int column = 0; column < kSide; ++column) {
            const Vec low_x = broadcast(block_left(column)) - mx, high_x = low_x + three;
            const Vec dx = clamp(zero, low_x, high_x);
            const Vec free_y = slope_y * dx, column_u = ux * dx;
            for (int row = 0; row < kSide; ++row) {
                const int block = kSide * row + column;
                if (!(alive >> block & 1)) continue;
                const Vec ex = clamp(free_x[row], low_x, high_x), ey = clamp(free_y, low_y[row], high_y[row]);
                const Vec u = fma(ux, ex, row_u[row]), on_row = fma(u, u, row_v2[row]);
                const Vec s = fma(uy, ey, column_u), v = vy * ey, on_column = fma(s, s, v * v);
                const uint32_t touched = bits(at_least(reach, min(on_row, on_column))) & present;
                used |= touched;
                chunk.length[block] += append_lanes(chunk.list[block] + chunk.length[block], first, touched);
            }
        }
        chunk.used[first / kLanes] = used;
    }
    for (int block = 0; block < kBlocks; ++block)  // the last few are computed in step with valid ones
        for (int i = 0; i < kAtOnce; ++i) chunk.list[block][chunk.length[block] + i] = 0;
}

// Brings the fields of n Gaussians towards the cache.
SPLATSEG_INLINE void prefetch_records(const Plan& plan, const uint32_t* ids, int n) {
    const Splat2d* splats = plan.splats.as<Splat2d>();
    for (int k = 0; k < n; ++k) __builtin_prefetch(splats + ids[k]);
}

// The entries [begin, end) of one tile, front to back, taken a chunk at a time.
struct TileEntries {
    const uint32_t* ids;  // (E,) of Gaussians, tile by tile
    uint32_t begin, end;

    int chunk_size(uint32_t entry) const { return end - entry < kChunk ? static_cast<int>(end - entry) : kChunk; }
};

SPLATSEG_INLINE TileEntries entries_of(const Plan& plan, int64_t tile) {
    const uint32_t* start = plan.tile_start.as<uint32_t>();
    return {plan.tile_ids.as<uint32_t>(), start[tile], start[tile + 1]};
}

// load_chunk for the chunk that begins at `entry`, while the records of the following one are on their way.
SPLATSEG_INLINE void load_entries(const Plan& plan, const TileGeometry& g, const Limits& limits,
                                  const TileEntries& entries, uint32_t entry, BlockSet alive, Chunk& chunk) {
    const int n = entries.chunk_size(entry);
    load_chunk(plan, g, limits, entries.ids + entry, n, alive, chunk);
    const uint32_t next = entry + n;
    if (next < entries.end) prefetch_records(plan, entries.ids + next, entries.chunk_size(next));
}

// Rows of a table (N, channels), by Gaussian, for the n Gaussians of a chunk.
struct FeatureTable {
    const float* rows;
    int64_t count;
    int channels;
};

SPLATSEG_INLINE void prefetch_features(const FeatureTable& table, const uint32_t* ids, int n) {
    if (table.channels == 0) return;  // there is no last one
    for (int k = 0; k < n; ++k) {
        const float* row = table.rows + static_cast<size_t>(ids[k]) * table.channels;
        for (int c = 0; c < table.channels; c += 16) __builtin_prefetch(row + c);
        __builtin_prefetch(row + table.channels - 1);
    }
}

// Copies the rows of the Gaussians in use to out (kChunk, stride), stride >= channels. In ascending order, a vector at
// a time: what a copy writes beyond its row the next one mends, so out needs kLanes floats of slack at its end.
SPLATSEG_NOINLINE void gather_features(const FeatureTable& table, const uint32_t* ids, int n, const Chunk& chunk,
                                       float* out, int stride) {
    const int vectors = (table.channels + kLanes - 1) / kLanes;
    const int64_t last_safe = table.count * table.channels - vectors * kLanes;  // beyond it a vector leaves the table
    for (int group = 0; group * kLanes < n; ++group)
        for (uint32_t left = chunk.used[group]; left; left &= left - 1) {
            const int k = group * kLanes + __builtin_ctz(left);
            const int64_t start = static_cast<int64_t>(ids[k]) * table.channels;
            if (start <= last_safe)
                for (int c = 0; c < vectors; ++c)
                    store(out + k * stride + c * kLanes, load(table.rows + start + c * kLanes));
            else
                std::memcpy(out + k * stride, table.rows + start, sizeof(float) * table.channels);
        }
}

// Pixel constants of a block and the cut-offs, ready in registers.
struct BlockConstants {
    Vec x, y, p_min, alpha_max, T_min;
};

SPLATSEG_INLINE BlockConstants block_constants(const Limits& limits, int block) {
    return {broadcast(block_left(block)) + load(kLaneX), broadcast(block_top(block)) + load(kLaneY),
            broadcast(limits.p_min), broadcast(limits.alpha_max), broadcast(limits.T_min)};
}

// opacity * exp(-sigma), zero where skipped, of kAtOnce Gaussians of a list
SPLATSEG_INLINE void raw_alphas(const BlockConstants& block, const Chunk& chunk, const int32_t* list,
                                Vec (&raw)[kAtOnce]) {
    Vec p[kAtOnce];
    SPLATSEG_UNROLL
    for (int j = 0; j < kAtOnce; ++j) {
        const int k = list[j];
        const Vec u =
            fma(block.x, broadcast(chunk.ux[k]), fma(block.y, broadcast(chunk.uy[k]), broadcast(chunk.u0[k])));
        const Vec v = fma(block.y, broadcast(chunk.vy[k]), broadcast(chunk.v0[k]));
        p[j] = fnma(v, v, fnma(u, u, broadcast(chunk.log2_opacity[k])));
    }
    exp2(p, raw);
    SPLATSEG_UNROLL
    for (int j = 0; j < kAtOnce; ++j) raw[j] = keep(at_least(p[j], block.p_min), raw[j]);
}

// Weights (n, 16) of the Gaussians of a list. Returns false when no pixel of the block is left to blend.
SPLATSEG_NOINLINE bool list_weights(const BlockConstants& constants, const Chunk& chunk, const int32_t* list, int n,
                                    BlockState& state, float* weights) {
    const BlockConstants block = constants;  // by value: the compiler cannot know that `weights` lies elsewhere
    Vec T = state.T, T_last = state.T_last;
    for (int i = 0; i < n; i += kAtOnce) {
        Vec raw[kAtOnce];
        raw_alphas(block, chunk, list + i, raw);
        SPLATSEG_UNROLL
        for (int j = 0; j < kAtOnce; ++j) {
            if (i + j >= n) break;
            const Vec alpha = min(raw[j], block.alpha_max), after = fnma(alpha, T, T);
            const Mask live = greater(after, block.T_min);
            store(weights + (i + j) * kLanes, keep(live, alpha * T));
            T_last = select(live, after, T_last);
            T = after;
        }
    }
    state.T = T;
    state.T_last = T_last;
    return any(greater(T, block.T_min));
}

// Brings one row of blocks of an image (H, W, channels) towards the cache, to be read or written.
template <bool kWrite>
SPLATSEG_INLINE void prefetch_block_row(const Plan& plan, const TileGeometry& g, int row, const float* image,
                                        int channels) {
    const int floats = g.width * channels;
    if (floats == 0) return;  // there is no last one
    for (int y = 0; y < g.inside_y(row); ++y) {
        const int64_t pixel = static_cast<int64_t>(g.top + row * kBlock + y) * plan.camera.width + g.left;
        const float* line = image + pixel * channels;
        for (int at = 0; at < floats; at += 16) __builtin_prefetch(line + at, kWrite);
        __builtin_prefetch(line + floats - 1, kWrite);
    }
}

// The blocks of a tile on their way from front to back.
struct Blocks {
    BlockState state[kBlocks];
    BlockSet alive;  // those with a pixel that is left to blend
};

// Pixels outside the image start with nothing left to blend.
SPLATSEG_INLINE void start_blocks(const TileGeometry& g, Blocks& blocks) {
    blocks.alive = 0;
    for (int block = 0; block < kBlocks; ++block) {
        const uint32_t inside = lanes_inside(g, block);
        const Vec T = keep(mask_from_bits(inside), broadcast(1.0f));
        blocks.state[block] = {T, T};
        if (inside) blocks.alive |= BlockSet{1} << block;
    }
}

// Calls use(block) for every block alive that a Gaussian of the chunk meets, with the weights (n, 16) of its list in
// `weights`.
template <class F>
SPLATSEG_INLINE void weigh_blocks(const Limits& limits, const Chunk& chunk, Blocks& blocks, float* weights,
                                  const F& use) {
    for (int block = 0; block < kBlocks; ++block) {
        const int n = chunk.length[block];
        if (!(blocks.alive >> block & 1) || n == 0) continue;
        const BlockConstants constants = block_constants(limits, block);
        if (!list_weights(constants, chunk, chunk.list[block], n, blocks.state[block], weights))
            blocks.alive &= ~(BlockSet{1} << block);
        use(block);
    }
}

// Weighs the Gaussians of a tile, front to back, a chunk at a time, while a block is alive. fetch(ids, n) is called for
// the Gaussians of a chunk before it is loaded, gather(ids, n) after; use(block) as by weigh_blocks. Scratch has a
// `chunk` and its `weights`.
template <class Scratch, class Fetch, class Gather, class Use>
SPLATSEG_INLINE void weigh_chunks(const Plan& plan, const TileGeometry& g, const Limits& limits, int64_t tile,
                                  Blocks& blocks, Scratch& s, const Fetch& fetch, const Gather& gather,
                                  const Use& use) {
    const TileEntries entries = entries_of(plan, tile);
    start_blocks(g, blocks);
    prefetch_records(plan, entries.ids + entries.begin, entries.chunk_size(entries.begin));
    for (uint32_t entry = entries.begin; entry < entries.end && blocks.alive; entry += kChunk) {
        const uint32_t* ids = entries.ids + entry;
        const int n = entries.chunk_size(entry);
        fetch(ids, n);
        load_entries(plan, g, limits, entries, entry, blocks.alive, s.chunk);
        gather(ids, n);
        weigh_blocks(limits, s.chunk, blocks, s.weights, use);
    }
}

}  // namespace splatseg::SPLATSEG_LEVEL
