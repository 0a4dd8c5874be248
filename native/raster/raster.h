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

#include <cstddef>
#include <cstdint>

#include "memory/buffer.h"

namespace splatseg {

constexpr int kTile = 32;  // pixels along a side of a tile
constexpr int kBlock = 4;  // pixels along a side of a block: one vector of 16 lanes
constexpr int kSide = kTile / kBlock;
constexpr int kBlocks = kSide * kSide;  // blocks in a tile, row by row
constexpr int kLanes = 16;              // pixels in a block, row by row

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

// Sparse matrices (sparse.h).
class Arena;
struct PixelGroups;
struct SparseMatrix;
struct SparseRow;

// Votes (votes.h).
struct EntryVotes;
struct LabelMaps;

// Points in space (neighbours.h).
struct Neighbours;
struct PointTree;

struct ImagePair {
    const float* image;   // (H,W,3)
    const float* target;  // (H,W,3)
    int height, width;
};

struct Harmonics {
    const float* means;  // (N,3) world
    float position[3];   // of the camera, world
    const float* sh0;    // (N,3)
    const float* shN;    // (N,stored,3); null when nothing is stored
    int64_t count;       // N
    int stored, degree;  // coefficients beyond the constant in a row; degree in use, 0..3
};

// The stages that are compiled once for each SIMD level.
struct Kernels {
    const char* level;

    // Projects Gaussians [begin, end) of one group.
    void (*project)(const Gaussians&, const Camera&, const Cutoffs&, const Projection&, int64_t begin, int64_t end);

    // blended (H,W,F), alphas (H,W) from features (N,F).
    void (*blend)(const Plan&, const float* features, int64_t channels, float* blended, float* alphas, int threads);

    // out (H,W): the highest level L >= 1 such that Gaussians of levels (N,) from L on, 0..count, make up more than
    // `share` of the pixel, 0 for none.
    void (*blend_levels)(const Plan&, const uint8_t* levels, int count, float share, uint8_t* out, int threads);

    // sums (N,C): for each Gaussian the sum over pixels of w * values (H,W,C). The transpose of blend.
    void (*accumulate)(const Plan&, const float* values, int64_t channels, float* sums, int threads);

    // grad_features (N,F) and the geometry's gradients.
    void (*backward)(const Plan&, const Gaussians&, const BackwardInput&, float* grad_features,
                     const GeometryGradients&, const GrowthStatistics&, int threads);

    // A row for every sampled pixel; what the rows point to is taken from the arena of the worker.
    void (*pixel_weights)(const Plan&, const PixelGroups&, SparseRow* rows, Arena* arenas, int threads);

    // out (height, C) = matrix x dense (width, C)
    void (*sparse_product)(const SparseMatrix&, const float* dense, int64_t channels, float* out, int threads);

    // out (width, C) = matrix^T x dense (height, C)
    void (*sparse_transposed_product)(const SparseMatrix&, const float* dense, int64_t channels, float* out,
                                      int threads);

    // out (width, C) = matrix^T x diag(scales (height,)) x matrix x dense (width, C)
    void (*gram_product)(const SparseMatrix&, const float* scales, const float* dense, int64_t channels, double* out,
                         int threads);

    // Of every point of the tree.
    void (*nearest_neighbours)(const PointTree&, const Neighbours& out, int threads);

    // Votes of every tile for each of its entries (E,); what they point to is taken from the arena of the worker.
    void (*vote)(const Plan&, const LabelMaps&, EntryVotes* entries, Arena* arenas, int threads);

    // (1 - ssim_weight) * L1 + ssim_weight * (1 - SSIM), means over H, W and channels. gradient (H,W,3) with respect
    // to the image, or null. Writes l1 and ssim.
    void (*photometric)(const ImagePair&, float ssim_weight, float* gradient, double* l1, double* ssim, int threads);

    // out (N,3) from spherical harmonics, clamped below at 0; and, given out and its gradient, those of the
    // coefficients (N,3), (N,stored,3), zero beyond the degree in use.
    void (*colors)(const Harmonics&, float* out, int threads);
    void (*colors_backward)(const Harmonics&, const float* out, const float* grad, float* grad_sh0, float* grad_shN,
                            int threads);

    // Billions of multiplications and additions a second, the best of a few tries of some milliseconds.
    double (*peak_gflops)(int threads);
};

// Fills the plan from projected Gaussians: depth sort, tile lists. Throws std::length_error beyond 2^32 - 1 entries.
void bin(const Projection& projection, Plan& plan, int threads);

// Projects, sorts and bins. radii (N,) is written.
void prepare(const Kernels& kernels, const Gaussians& gaussians, Plan& plan, int32_t* radii, int threads);

}  // namespace splatseg
