// The contract of the native rasteriser: what every stage reads and writes, with shapes and units.
//
//   features (H,W,F) = sum_i w_i f_i     alphas (H,W) = sum_i w_i     w_i = alpha_i * prod_{j<i} (1 - alpha_j)
//
// Alphabet: N Gaussians, M of them drawn; order front to back, equal depths by index; F or C channels; H x W pixels
// in T tiles of 32x32; E entries = pairs (tile, drawn Gaussian whose bounding box meets the tile). Arrays are dense,
// row-major, float32. x is to the right, y down, the centre of pixel (0, 0) is at (0.5, 0.5).
//
// Stages, one file each: project -> bin -> blend; blend_backward -> project_backward. None of them knows Python.
// Results are bit-identical for any number of threads: whatever is summed is summed in an order fixed by the input.
//
// Source: 3D Gaussian Splatting (Kerbl et al. 2023); cut-offs of gsplat 1.5.3 (raster/interface.py).
#pragma once

#include <cstdint>

#include "memory/buffer.h"
#include "simd/lanes.h"

namespace splatseg {

constexpr int kTile = 32;  // pixels along a side of a tile
constexpr int kBlock = 4;  // pixels along a side of a block: one vector of 16 lanes
constexpr int kSide = kTile / kBlock;
constexpr int kBlocks = kSide * kSide;  // blocks in a tile, row by row
static_assert(kBlock * kBlock == kLanes, "the pixels of a block, row by row, are the lanes of a vector");

struct Camera {
    float rotation[9];  // world to camera, row-major
    float translation[3];
    float fx, fy, cx, cy;  // pixels
    int width, height;     // pixels
};

struct Cutoffs {  // RasterSettings of raster/interface.py
    float near, eps2d, alpha_min, alpha_max, transmittance_min, frustum_margin;
};

struct Gaussians {
    const float* means;           // (N,3) world
    const float* quats;           // (N,4) wxyz, any length but zero
    const float* scales;          // (N,3) linear, world units
    const float* opacities;       // (N,) 0..1
    const float* means2d_offset;  // (N,2) px added to the projected means, or null
    int64_t count;                // N
};

// One drawn Gaussian on screen, so that alpha = exp2(log2_opacity - u^2 - v^2) with
//   u = ux dx + uy dy,  v = vy dy,  (dx, dy) = pixel centre - (mean_x, mean_y):
// the square completed, so that the exponent can never be positive, whatever the rounding.
struct alignas(32) Splat2d {
    float mean_x, mean_y;  // px
    float ux, uy, vy;      // 1/px
    float log2_opacity;
    float slope_y, slope_x;  // dy / dx where alpha is largest along a column, dx / dy where along a row
};

struct TileRect {  // tiles [x0, x1) x [y0, y1)
    uint16_t x0, y0, x1, y1;
};

// Prepared geometry: projection, depth order, tile lists. Read-only once made; any number of calls may share it.
struct Plan {
    Camera camera;
    Cutoffs cutoffs;
    int64_t count = 0;   // N
    uint32_t drawn = 0;  // M
    int tiles_x = 0, tiles_y = 0;
    uint64_t entries = 0;   // E
    Buffer splats;          // Splat2d (N,), valid for the drawn
    Buffer tile_order;      // uint32 (T,) tiles along a Z-curve: neighbours share Gaussians, and so the cache
    Buffer tile_start;      // uint32 (T+1,) where a tile's entries start
    Buffer tile_ids;        // uint32 (E,) indices of Gaussians, tile by tile, front to back within a tile
    Buffer first_touch;     // uint32 (N+1,) where a Gaussian's entries start in entry_of_touch
    Buffer entry_of_touch;  // uint32 (E,) the Gaussian's places in tile_ids, tiles row by row
    double project_ms = 0.0, bin_ms = 0.0;  // how long the making took
};

struct DepthId {
    uint32_t depth_bits;  // of a positive float: they sort like the float
    uint32_t id;
};

// What `project` writes for bin.
constexpr int64_t kGroup = 1024;  // Gaussians projected, and later reduced, by one thread at a time
struct Projection {
    Splat2d* splats;        // (N,), valid for the drawn
    TileRect* rects;        // (N,), empty where no pixel centre is met
    DepthId* drawn;         // (N,) the others of each group of kGroup, ascending, from the group's start
    uint32_t* group_count;  // (ceil(N / kGroup),) how many those are
    int32_t* radii;         // (N,) px, 0 = not drawn: half-extent of the ellipse alpha = alpha_min, rounded up
};

struct GeometryGradients {  // each written for all N; zero where nothing was drawn
    float* means;           // (N,3)
    float* quats;           // (N,4)
    float* scales;          // (N,3)
    float* opacities;       // (N,)
    float* means2d;         // (N,2)
};

// What densification wants to know of a view, added up over views. All null, or none.
struct GrowthStatistics {
    const int32_t* radii = nullptr;  // (N,) of this view, px, 0 = not drawn
    float* gradient_sum = nullptr;   // (N,) += norm of the gradient by the projected mean, in half-image units
    float* views = nullptr;          // (N,) += 1 where drawn
};

// Moments of h = alpha * dL/dalpha about the Gaussian's mean, summed over pixels: 1, dx, dy, dx^2, dx dy, dy^2.
constexpr int kMoments = 6;

struct BackwardInput {
    const float* features;      // (N,F) blended forward
    int64_t channels;           // F
    const float* blended;       // (H,W,F) result of forward
    const float* alphas;        // (H,W) result of forward
    const float* grad_blended;  // (H,W,F)
    const float* grad_alphas;   // (H,W)
};

struct Kernels;

// Fills the plan from projected Gaussians: depth sort, tile lists. Throws std::length_error beyond 2^32 - 1 entries.
void bin(const Projection& projection, Plan& plan, int threads);

// Projects, sorts and bins. radii (N,) is written.
void prepare(const Kernels& kernels, const Gaussians& gaussians, Plan& plan, int32_t* radii, int threads);

}  // namespace splatseg
