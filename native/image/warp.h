// Pictures as another lens would have taken them: every new pixel is fetched from where a map says.
//
// Pixel (i, j) of a picture covers [i, i + 1) x [j, j + 1). A map holds, at the corners (step * column, step * row) of
// the new picture's cells, the place in the old picture; in between it is bilinear. With step 0 it holds the place of
// every pixel's centre instead. A cell with a corner that is not finite, and a place outside the old picture, have no
// pixel.
#pragma once

#include <cstdint>

namespace splatseg {

struct WarpMap {
    const float* places;  // (rows, columns, 2): x, y in the old picture
    int rows, columns, step;
    int height, width;  // of the new picture; (rows - 1) * step >= height, (columns - 1) * step >= width; step 0:
                        // (height, width)
    int old_height, old_width;
};

// Bilinear means of 4 pixels of `channels` values; 0 where there is no pixel.
void warp_bytes(const WarpMap& map, const uint8_t* old_picture, int channels, uint8_t* picture, int threads);
void warp_floats(const WarpMap& map, const float* old_picture, int channels, float* picture, int threads);

// The same by a cubic through 4 x 4 pixels (Keys 1981, a = -1/2), which is exact for what is quadratic.
void warp_cubic(const WarpMap& map, const float* old_picture, int channels, float* picture, int threads);

// Labels, which cannot be mixed: the one with the largest share of a mean of 4; `nothing` where there is no pixel.
void warp_labels(const WarpMap& map, const int32_t* old_labels, int32_t nothing, int32_t* labels, int threads);

// Index old_width * y + x of the pixel at each place, or -1: (height, width).
void warp_indices(const WarpMap& map, int32_t* indices, int threads);

}  // namespace splatseg
