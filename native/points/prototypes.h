// The most similar of some prototypes, for every row of a table of features.
#pragma once

#include <cstdint>

namespace splatseg {

// Unit rows of features, F channels each.
struct FeatureRows {
    const float* features;    // (N,F)
    const float* prototypes;  // (K,F), K >= 1
    const int32_t* guesses;   // (N,) a prototype that a row is similar to, or below 0
    int64_t count;            // N
    int64_t prototype_count;  // K
    int64_t channels;         // F
};

}  // namespace splatseg
