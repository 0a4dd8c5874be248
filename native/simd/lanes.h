// How many numbers a vector holds, at every SIMD level.
#pragma once

namespace splatseg {

constexpr int kLanes = 16;

}  // namespace splatseg
