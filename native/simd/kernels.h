// Declarations of one SIMD level's stages; the table of all levels is in dispatch.cpp.
#pragma once

#include "raster/raster.h"

namespace splatseg::SPLATSEG_LEVEL {

void project(const Gaussians&, const Camera&, const Cutoffs&, const Projection&, int64_t begin, int64_t end);
void blend(const Plan&, const float* features, int64_t channels, float* blended, float* alphas, int threads);
void blend_levels(const Plan&, const uint8_t* levels, int count, float share, uint8_t* out, int threads);
void accumulate(const Plan&, const float* values, int64_t channels, float* sums, int threads);
void backward(const Plan&, const Gaussians&, const BackwardInput&, float* grad_features, const GeometryGradients&,
              const GrowthStatistics&, int threads);
void pixel_weights(const Plan&, const PixelGroups&, SparseRow* rows, Arena* arenas, int threads);
void sparse_product(const SparseMatrix&, const float* dense, int64_t channels, float* out, int threads);
void sparse_transposed_product(const SparseMatrix&, const float* dense, int64_t channels, float* out, int threads);
void gram_product(const SparseMatrix&, const float* scales, const float* dense, int64_t channels, double* out,
                  int threads);
void nearest_neighbours(const PointTree&, const Neighbours& out, int threads);
void vote(const Plan&, const LabelMaps&, EntryVotes* entries, Arena* arenas, int threads);
void photometric(const ImagePair&, float ssim_weight, float* gradient, double* l1, double* ssim, int threads);
void colors(const Harmonics&, float* out, int threads);
void colors_backward(const Harmonics&, const float* out, const float* grad, float* grad_sh0, float* grad_shN,
                     int threads);
double peak_gflops(int threads);

}  // namespace splatseg::SPLATSEG_LEVEL
