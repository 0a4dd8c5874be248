// How the sums of one Gaussian (or one tile entry) lie in memory: whole vectors of 16 floats.
#pragma once

#include "raster/raster.h"

namespace splatseg {

constexpr int kOctet = kLanes / 2;

// First `groups` vectors of 16 channels each. In the full backward one more vector: up to 8 channels that are left
// over, and from its middle the moments of h: 1, x, y, x^2, x y, y^2.
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

}  // namespace splatseg
