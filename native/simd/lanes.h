// How many numbers a vector holds, at every SIMD level.
#pragma once

#include <cstdint>

namespace splatseg {

constexpr int kLanes = 16;

// A number of floats, rounded up to whole vectors.
static constexpr int64_t whole_vectors(int64_t floats) { return (floats + kLanes - 1) / kLanes * kLanes; }

}  // namespace splatseg
