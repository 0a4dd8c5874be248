// Colours: of Gaussians as a camera sees them, and of an image against a photograph; and the steps of their fit.
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

struct AdamStep {                                   // see image/adam.h
    float first_share, second_decay, second_share;  // 1 - b1, b2, 1 - b2
    float rate, root, eps;                          // lr / (1 - b1^t), sqrt(1 - b2^t)
    uint32_t t;                                     // number of the step, counted from 1
};

// Numbers in a fit, with their two moments, all of one length: moments are floats, or packed and the others null.
struct Trained {
    float *value, *first, *second;
    uint16_t *first_packed, *second_packed;
};

}  // namespace splatseg
