// Gaussians merged into fewer, for pictures in which the parts are below a pixel, and means of what the parts carry.
#pragma once

#include <cstdint>

#include "raster/raster.h"

namespace splatseg {

struct Merged {        // S of them
    float* means;      // (S,3)
    float* quats;      // (S,4) wxyz, unit
    float* scales;     // (S,3) linear
    float* opacities;  // (S,), above 1 where many opaque parts lie behind one another
};

// Group s has the parts rows[starts[s] .. starts[s + 1]), rows of N Gaussians; it has at least one.
struct Groups {
    const int32_t* rows;    // (K,)
    const int64_t* starts;  // (S+1,)
    int64_t count;          // S
};

// Merges every group to one Gaussian with the mean and the covariance of its parts, and as much light; a group of one
// is that one. blur: variance, world units^2, that a picture's low-pass filter adds to each. shares (K,): what each
// part weighs in its group, 0..1.
void merge_gaussians(const Gaussians& parts, const Groups& groups, double blur, const Merged& out, float* shares,
                     int threads);

// out (S,C): the sums over each group of shares (K,) times values (N,C).
void mean_of_groups(const float* values, int64_t channels, const Groups& groups, const float* shares, float* out,
                    int threads);

// out (n,): 1 for each of rows (n,) whose flag (N,) is not 0, 0 for the others.
void flags_of(const uint8_t* flags, const int32_t* rows, int64_t count, float* out, int threads);

}  // namespace splatseg
