// The table of the stages that are compiled once for each SIMD level: what each reads and writes.
//
// The stages are defined in the folders whose structs they take. This folder lies below those, so it only names the
// structs.
#pragma once

#include <cstdint>

namespace splatseg {

// memory/
class Arena;

// sparse/
struct GramSums;
struct Share;
struct SparseMatrix;
struct SparseRow;

// raster/
struct BackwardInput;
struct Camera;
struct Cutoffs;
struct Gaussians;
struct GeometryGradients;
struct GrowthStatistics;
struct PixelGroups;
struct Plan;
struct Projection;

// votes/
struct EntryVotes;
struct LabelMaps;

// points/
struct FeatureRows;
struct Neighbours;
struct PointTree;
struct Queries;

// image/
struct AdamStep;
struct Harmonics;
struct ImagePair;
struct Trained;

struct Kernels {
    const char* level;

    // Projects Gaussians [begin, end) of one group.
    void (*project)(const Gaussians&, const Camera&, const Cutoffs&, const Projection&, int64_t begin, int64_t end);

    // blended (H,W,F), alphas (H,W) from features (N,F).
    void (*blend)(const Plan&, const float* features, int64_t channels, float* blended, float* alphas, int threads);

    // out (H,W): the highest level L >= 1 such that Gaussians of levels (N,) from L on, 0..count, make up more than
    // `share` of the pixel, 0 for none.
    void (*blend_levels)(const Plan&, const uint8_t* levels, int count, float share, uint8_t* out, int threads);

    // out (H,W): the label with the largest sum of weights, for labels (N,) in 0..count; 0 also has the light that
    // passes through. 0 wins ties, then the smaller label.
    void (*label_map)(const Plan&, const int32_t* labels, int64_t count, int32_t* out, int threads);

    // out (H,W): the mean of values (N,) over each pixel's light from its first to its last quarter, 0 where the light
    // does not reach the first.
    void (*blend_middle)(const Plan&, const float* values, float* out, int threads);

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

    // A share of matrix^T x diag(scales (height,)) x matrix x dense, added to the sums.
    void (*gram_product)(const SparseMatrix&, const float* scales, const GramSums&, Share, int threads);

    // Of every point of some leaves of the tree.
    void (*nearest_neighbours)(const PointTree&, const Neighbours& out, int threads);

    // The nearest point of the tree to others.
    void (*nearest_points)(const PointTree&, const Queries&, int threads);

    // out (N,): the prototype whose product with each row is largest, the first of equals; products (N,), or null.
    void (*nearest_prototypes)(const FeatureRows&, int32_t* out, float* products, int threads);

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

    // One step of Adam for `count` numbers; without a gradient (null) it is zero.
    void (*adam)(const AdamStep&, const float* gradient, const Trained&, int64_t count, int threads);

    // One step of Adam for the coefficients sh0 (N,3) and shN (N,stored,3) from the gradient (N,3) of the colours
    // `out`, in numbers those of colors_backward and adam. The coefficients of `Harmonics` are not read.
    void (*colors_adam)(const Harmonics&, const float* out, const float* grad, const AdamStep& sh0_step,
                        const Trained& sh0, const AdamStep& shN_step, const Trained& shN, int threads);

    // Billions of multiplications and additions a second, the best of a few tries of some milliseconds.
    double (*peak_gflops)(int threads);
};

}  // namespace splatseg
