#pragma once

#include "raster/row_layout.h"

namespace splatseg::SPLATSEG_LEVEL {

struct Slots {
    const float* rows;       // (E, layout.floats())
    const uint8_t* touched;  // (E,) whether the row was written
};

// Adds the slots of each Gaussian, tiles row by row, into sums (N,C); with gradients also through the projection.
// Writes all N rows; those of Gaussians that were not drawn are zero.
void reduce(const Plan& plan, const RowLayout& layout, const Slots& slots, float* sums, const Gaussians* gaussians,
            const GeometryGradients* gradients, const GrowthStatistics& growth, int threads);

}  // namespace splatseg::SPLATSEG_LEVEL
