// Sampled pixels, and the weights of the Gaussians there.
#pragma once

#include <cstdint>

#include "raster/raster.h"
#include "sparse/sparse.h"

namespace splatseg {

// Sampled pixels, tile by tile. G tiles have any.
struct PixelGroups {
    const int64_t* pixels;  // (P,2) x, y
    const uint32_t* order;  // (P,) pixels tile by tile; in the order given within a tile
    const uint32_t* tiles;  // (G,)
    const uint32_t* first;  // (G+1,) where a tile's pixels start in `order`
    int64_t count;          // G
    uint32_t longest;       // entries of the longest tile list among those tiles
};

// The weights (P,N) of all Gaussians that contribute to sampled pixels (P,2), front to back.
SparseMatrix pixel_weights(const Kernels& kernels, const Plan& plan, const int64_t* pixels, int64_t count, int threads);

}  // namespace splatseg
