// One step of Adam for a run of numbers, 16 at a time.
//
//   m <- m + (1 - b1) (g - m)     v <- b2 v + (1 - b2) g^2     p <- p - lr' m / (sqrt(v) / root + eps)
//
// lr' = lr / (1 - b1^t), root = sqrt(1 - b2^t). Roundings are those of torch's fused Adam on AVX-512.
//
// Moments may be stored in 16 bits: m as the upper half of its float, v, which has no sign, as the 16 bits below it.
// A step changes v by a thousandth, less than half of what such a number can tell apart: rounded to the nearest it
// would never fall. So both are rounded up as often as they are close to the number above, by bits that are a hash of
// place and t: on average nothing is lost, and the result is the same for any number of threads.
#pragma once

#include <cstdint>

#include "image/image.h"
#include "simd/simd.h"

namespace splatseg::SPLATSEG_LEVEL {

struct AdamVectors {
    Vec first_share, second_decay, second_share, step, root, eps;
    uint32_t t;

    explicit AdamVectors(const AdamStep& s)
        : first_share(broadcast(s.first_share)),
          second_decay(broadcast(s.second_decay)),
          second_share(broadcast(s.second_share)),
          step(broadcast(-s.rate)),
          root(broadcast(s.root)),
          eps(broadcast(s.eps)),
          t(s.t) {}
};

SPLATSEG_INLINE void adam_lanes(const AdamVectors& a, Vec g, Vec& p, Vec& m, Vec& v) {
    m = fma(a.first_share, g - m, m);
    v = fma(a.second_share * g, g, v * a.second_decay);
    p = p + a.step * m / (sqrt(v) / a.root + a.eps);
}

SPLATSEG_INLINE void load_packed(const uint16_t* first, const uint16_t* second, Vec& m, Vec& v) {
    alignas(64) uint32_t m_bits[kLanes], v_bits[kLanes];
    for (int k = 0; k < kLanes; ++k) {
        m_bits[k] = static_cast<uint32_t>(first[k]) << 16;
        v_bits[k] = static_cast<uint32_t>(second[k]) << 15;
    }
    std::memcpy(&m, m_bits, sizeof(m));
    std::memcpy(&v, v_bits, sizeof(v));
}

// `place`: of the first number among all of the parameter.
SPLATSEG_INLINE void store_packed(Vec m, Vec v, uint32_t place, uint32_t t, uint16_t* first, uint16_t* second) {
    alignas(64) uint32_t m_bits[kLanes], v_bits[kLanes];
    std::memcpy(m_bits, &m, sizeof(m));
    std::memcpy(v_bits, &v, sizeof(v));
    const uint32_t seed = t * 0x9e3779b1u;
    for (int k = 0; k < kLanes; ++k) {
        uint32_t hash = (place + static_cast<uint32_t>(k)) ^ seed;  // the mixer of Wellons' hash prospector
        hash = (hash ^ hash >> 16) * 0x7feb352du;
        hash = (hash ^ hash >> 15) * 0x846ca68bu;
        hash ^= hash >> 16;
        first[k] = static_cast<uint16_t>((m_bits[k] + (hash & 0xffffu)) >> 16);
        second[k] = static_cast<uint16_t>((v_bits[k] + (hash >> 17)) >> 15);
    }
}

// `n` <= 16 numbers at `at`; their moments are floats or packed.
SPLATSEG_INLINE void adam_batch(const AdamVectors& a, const float* gradient, const Trained& to, int64_t at, int n) {
    const uint32_t lanes = first_lanes(n);
    const bool whole = n == kLanes, packed = to.first_packed;
    const Vec g = !gradient ? broadcast(0.0f) : whole ? load(gradient) : load_lanes(gradient, lanes);
    Vec p = whole ? load(to.value + at) : load_lanes(to.value + at, lanes), m, v;
    uint16_t firsts[kLanes] = {}, seconds[kLanes] = {};
    if (packed && whole) {
        load_packed(to.first_packed + at, to.second_packed + at, m, v);
    } else if (packed) {
        std::memcpy(firsts, to.first_packed + at, sizeof(uint16_t) * n);
        std::memcpy(seconds, to.second_packed + at, sizeof(uint16_t) * n);
        load_packed(firsts, seconds, m, v);
    } else {
        m = whole ? load(to.first + at) : load_lanes(to.first + at, lanes);
        v = whole ? load(to.second + at) : load_lanes(to.second + at, lanes);
    }
    adam_lanes(a, g, p, m, v);
    if (packed && whole) {
        store_packed(m, v, static_cast<uint32_t>(at), a.t, to.first_packed + at, to.second_packed + at);
    } else if (packed) {
        store_packed(m, v, static_cast<uint32_t>(at), a.t, firsts, seconds);
        std::memcpy(to.first_packed + at, firsts, sizeof(uint16_t) * n);
        std::memcpy(to.second_packed + at, seconds, sizeof(uint16_t) * n);
    } else if (whole) {
        store(to.first + at, m);
        store(to.second + at, v);
    } else {
        store_lanes(to.first + at, m, lanes);
        store_lanes(to.second + at, v, lanes);
    }
    if (whole)
        store(to.value + at, p);
    else
        store_lanes(to.value + at, p, lanes);
}

// `count` numbers from `first` on. Without gradients (null) these are all zero.
SPLATSEG_INLINE void adam_run(const AdamVectors& a, const float* gradient, const Trained& to, int64_t first,
                              int64_t count) {
    int64_t at = 0;
    for (; at + kLanes <= count; at += kLanes)
        adam_batch(a, gradient ? gradient + at : nullptr, to, first + at, kLanes);
    if (at < count) adam_batch(a, gradient ? gradient + at : nullptr, to, first + at, static_cast<int>(count - at));
}

}  // namespace splatseg::SPLATSEG_LEVEL
