// The sums that a tile leaves for each of its entries (slots), and their reduction to one sum a Gaussian.
#pragma once

#include "raster/raster.h"

namespace splatseg::SPLATSEG_LEVEL {

constexpr int kOctet = kLanes / 2;

// The layout of the sums of one Gaussian, or of one tile entry: `groups` vectors of 16 channels each. The full backward
// has one more vector: up to 8 channels that are left over, and from its middle the moments of h: 1, x, y, x^2, x y,
// y^2.
struct RowLayout {
    int channels, groups, vectors;

    RowLayout(int64_t channel_count, bool full) : channels(static_cast<int>(channel_count)) {
        const bool tail_fits = full && channels % kLanes <= kOctet;
        groups = tail_fits ? channels / kLanes : (channels + kLanes - 1) / kLanes;
        vectors = groups + (full ? 1 : 0);
    }
    int floats() const { return vectors * kLanes; }
    int grouped() const { return groups * kLanes < channels ? groups * kLanes : channels; }  // in whole vectors
    int tail() const { return channels - grouped(); }                                        // channels left over
    int tail_at() const { return groups * kLanes; }
    int moments_at() const { return groups * kLanes + kOctet; }
};

struct Slots {
    const float* rows;       // (E, layout.floats())
    const uint8_t* touched;  // (E,) whether the row was written
};

// Adds the slots of each Gaussian, tiles row by row, into sums (N,C); with gradients also through the projection.
// Writes all N rows; those of Gaussians that were not drawn are zero.
void reduce(const Plan& plan, const RowLayout& layout, const Slots& slots, float* sums, const Gaussians* gaussians,
            const GeometryGradients* gradients, const GrowthStatistics& growth, int threads);

}  // namespace splatseg::SPLATSEG_LEVEL
