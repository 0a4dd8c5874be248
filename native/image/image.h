// Colours: of Gaussians as a camera sees them, and of an image against a photograph.
#pragma once

#include <cstdint>

namespace splatseg {

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

}  // namespace splatseg
