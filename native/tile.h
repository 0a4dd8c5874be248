// One tile at work: Gaussians come in chunks, front to back; for each 4x4-pixel block a branch-free list of those whose
// ellipse alpha >= alpha_min meets it; then the weights of a list, 16 pixels at a time.
//
// Alphabet: k index in the chunk; p = log2 alpha; T transmittance; (left, top) px of the tile; block b = 4 * row + column.
#pragma once

#include "simd.h"

namespace splatseg::SPLATSEG_LEVEL {

constexpr int kChunk = 128;                 // Gaussians at a time: their fields and features stay in the L1 cache
constexpr float kListSlack = 1e-3f;         // log2 units by which lists are too generous; rounding must not lose a pixel

struct Chunk {
    alignas(64) float mean_x[kChunk], mean_y[kChunk], a[kChunk], b[kChunk], c[kChunk], log2_opacity[kChunk];
    alignas(64) int32_t list[kBlocks][kChunk + kLanes];  // indices in the chunk, ascending; the rest is scratch
    int length[kBlocks];
    uint32_t rank[kChunk];
};

// The running product of (1 - alpha) of one block. It runs on after a pixel has stopped, as in the definition.
struct BlockState {
    Vec T;       // product so far
    Vec T_last;  // product over the Gaussians that were blended
};

struct TileGeometry {
    int left, top, width, height;           // px; width and height of the part inside the image
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

// Lanes of block b that are pixels of the image.
SPLATSEG_INLINE uint32_t lanes_inside(const TileGeometry& g, int block) {
    const int nx = g.inside_x(block % 4), ny = g.inside_y(block / 4);
    if (nx <= 0 || ny <= 0) return 0;
    const uint32_t row = (1u << nx) - 1;
    uint32_t lanes = 0;
    for (int y = 0; y < ny; ++y) lanes |= row << (4 * y);
    return lanes;
}

SPLATSEG_INLINE Vec block_x(const TileGeometry& g, int block) {
    alignas(64) float x[kLanes];
    for (int i = 0; i < kLanes; ++i) x[i] = static_cast<float>(g.left + (block % 4) * kBlock + i % 4) + 0.5f;
    return load(x);
}

SPLATSEG_INLINE Vec block_y(const TileGeometry& g, int block) {
    alignas(64) float y[kLanes];
    for (int i = 0; i < kLanes; ++i) y[i] = static_cast<float>(g.top + (block / 4) * kBlock + i / 4) + 0.5f;
    return load(y);
}

// Loads n <= kChunk Gaussians and lists them for every block of `alive` (one bit each). The test is exact: the largest
// p on the rectangle of a block's pixel centres lies, if the mean is outside, on one of the two edges facing it.
SPLATSEG_INLINE void load_chunk(const Plan& plan, const TileGeometry& g, const uint32_t* ranks, int n, uint32_t alive,
                                Chunk& chunk) {
    const Splat2d* splats = plan.splats.as<Splat2d>();
    for (int block = 0; block < kBlocks; ++block) chunk.length[block] = 0;
    alignas(64) float slope_y[kLanes], slope_x[kLanes];
    const Vec threshold = log2(broadcast(plan.cutoffs.alpha_min)) - broadcast(kListSlack);
    for (int first = 0; first < n; first += kLanes) {
        const int m = n - first < kLanes ? n - first : kLanes;
        for (int i = 0; i < m; ++i) {
            const uint32_t rank = ranks[first + i];
            const Splat2d& s = splats[rank];
            chunk.rank[first + i] = rank;
            chunk.mean_x[first + i] = s.mean_x;
            chunk.mean_y[first + i] = s.mean_y;
            chunk.a[first + i] = s.a;
            chunk.b[first + i] = s.b;
            chunk.c[first + i] = s.c;
            chunk.log2_opacity[first + i] = s.log2_opacity;
            slope_y[i] = s.slope_y;
            slope_x[i] = s.slope_x;
        }
        const Mask present = mask_from_bits(m < kLanes ? (1u << m) - 1 : 0xffffu);
        const Vec mx = load(chunk.mean_x + first), my = load(chunk.mean_y + first);
        const Vec a = load(chunk.a + first), b = load(chunk.b + first), c = load(chunk.c + first);
        const Vec sy = load(slope_y), sx = load(slope_x);
        const Vec reach = load(chunk.log2_opacity + first) - threshold;  // the largest quadratic form that still counts
        for (int row = 0; row < 4; ++row) {
            const float top = static_cast<float>(g.top + row * kBlock) + 0.5f;
            const Vec low_y = broadcast(top) - my, high_y = broadcast(top + 3.0f) - my;
            const Vec dy = clamp(broadcast(0.0f), low_y, high_y);  // of the nearest row
            const Vec free_x = sx * dy, cdy2 = c * dy * dy, bdy = b * dy;
            for (int column = 0; column < 4; ++column) {
                const int block = 4 * row + column;
                if (!(alive >> block & 1)) continue;
                const float left = static_cast<float>(g.left + column * kBlock) + 0.5f;
                const Vec low_x = broadcast(left) - mx, high_x = broadcast(left + 3.0f) - mx;
                const Vec dx = clamp(broadcast(0.0f), low_x, high_x);
                const Vec ex = clamp(free_x, low_x, high_x), ey = clamp(sy * dx, low_y, high_y);
                const Vec on_row = fma(fma(a, ex, bdy), ex, cdy2);
                const Vec on_column = fma(fma(c, ey, b * dx), ey, a * dx * dx);
                const Mask touched = both(present, at_least(reach, min(on_row, on_column)));
                chunk.length[block] += append_lanes(chunk.list[block] + chunk.length[block], first, touched);
            }
        }
    }
}

// Pixel constants of a block and the cut-offs, ready in registers.
struct BlockConstants {
    Vec x, y, p_min, alpha_max, T_min;
};

SPLATSEG_INLINE BlockConstants block_constants(const Plan& plan, const TileGeometry& g, int block) {
    return {block_x(g, block), block_y(g, block), log2(broadcast(plan.cutoffs.alpha_min)),
            broadcast(plan.cutoffs.alpha_max), broadcast(plan.cutoffs.transmittance_min)};
}

struct Alpha {
    Vec raw;    // opacity * exp(-sigma), zero where skipped
    Vec alpha;  // the same, at most alpha_max
};

SPLATSEG_INLINE Alpha alpha_of(const BlockConstants& block, const Chunk& chunk, int k) {
    const Vec dx = block.x - broadcast(chunk.mean_x[k]), dy = block.y - broadcast(chunk.mean_y[k]);
    const Vec top = broadcast(chunk.log2_opacity[k]);
    const Vec t = fma(broadcast(chunk.a[k]), dx, broadcast(chunk.b[k]) * dy);
    const Vec p = fnma(broadcast(chunk.c[k]) * dy, dy, fnma(t, dx, top));
    const Mask counts = both(at_least(p, block.p_min), at_least(top, p));
    const Vec raw = keep(counts, exp2(p));
    return {raw, min(raw, block.alpha_max)};
}

// Weights (n, 16) of the Gaussians of a list. Returns false when no pixel of the block is left to blend.
SPLATSEG_INLINE bool list_weights(const BlockConstants& block, const Chunk& chunk, const int32_t* list, int n,
                                  BlockState& state, float* weights) {
    Vec T = state.T, T_last = state.T_last;
    for (int i = 0; i < n; ++i) {
        const Vec alpha = alpha_of(block, chunk, list[i]).alpha;
        const Vec after = T * (broadcast(1.0f) - alpha);
        const Mask live = greater(after, block.T_min);
        store(weights + i * kLanes, keep(live, alpha * T));
        T_last = select(live, after, T_last);
        T = after;
    }
    state.T = T;
    state.T_last = T_last;
    return any(greater(T, block.T_min));
}

// Pixels outside the image start with nothing left to blend.
SPLATSEG_INLINE BlockState first_state(uint32_t inside) {
    const Vec T = keep(mask_from_bits(inside), broadcast(1.0f));
    return {T, T};
}

}  // namespace splatseg::SPLATSEG_LEVEL
