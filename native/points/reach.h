// Spheres that reach into a convex region, found in one pass over all of them.
#pragma once

#include <cstdint>

namespace splatseg {

// x a + y b + z c + offset + spread r, of a sphere of radius r around (a, b, c).
struct Sum {
    float x, y, z, offset, spread;
};

struct Spheres {
    const float* means;    // (N,3)
    const float* reaches;  // (N,) radii
    int64_t count;         // N
};

// A sphere is out of the region if any of its faces, plus the slack at (|a|, |b|, |c|), is negative. NaN never is.
struct Region {
    const Sum* faces;
    int64_t count;
    Sum slack;
};

// out (N,): 1 for the spheres that are not out of the region, 0 for those that are.
void reaching(const Spheres& spheres, const Region& region, uint8_t* out, int threads);

}  // namespace splatseg
