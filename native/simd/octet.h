// 8 floats by the compiler's vector extensions: for sums of at most 8 numbers a pixel, where a vector of 16 would be
// half empty.
#pragma once

#include "simd/simd.h"

namespace splatseg::SPLATSEG_LEVEL {

typedef float Octet __attribute__((vector_size(32)));

SPLATSEG_INLINE Octet load_octet(const float* p) {
    Octet r;
    std::memcpy(&r, p, sizeof(r));
    return r;
}
SPLATSEG_INLINE void store_octet(float* p, Octet a) { std::memcpy(p, &a, sizeof(a)); }

}  // namespace splatseg::SPLATSEG_LEVEL
