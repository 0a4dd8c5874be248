// One step of Adam for a run of numbers, 16 at a time.
//
//   m <- m + (1 - b1) (g - m)     v <- b2 v + (1 - b2) g^2     p <- p - lr' m / (sqrt(v) / root + eps)
//
// lr' = lr / (1 - b1^t), root = sqrt(1 - b2^t). Roundings are those of torch's fused Adam on AVX-512.
#pragma once

#include <cstdint>

#include "image/image.h"
#include "simd/simd.h"

namespace splatseg::SPLATSEG_LEVEL {

struct AdamVectors {
    Vec first_share, second_decay, second_share, step, root, eps;

    explicit AdamVectors(const AdamStep& s)
        : first_share(broadcast(s.first_share)),
          second_decay(broadcast(s.second_decay)),
          second_share(broadcast(s.second_share)),
          step(broadcast(-s.rate)),
          root(broadcast(s.root)),
          eps(broadcast(s.eps)) {}
};

SPLATSEG_INLINE void adam_lanes(const AdamVectors& a, Vec g, Vec& p, Vec& m, Vec& v) {
    m = fma(a.first_share, g - m, m);
    v = fma(a.second_share * g, g, v * a.second_decay);
    p = p + a.step * m / (sqrt(v) / a.root + a.eps);
}

// `count` numbers that lie one after another. Without gradients (null) they are all zero.
SPLATSEG_INLINE void adam_run(const AdamVectors& a, const float* gradient, const Trained& to, int64_t first,
                              int64_t count) {
    for (int64_t at = 0; at < count; at += kLanes) {
        float *value = to.value + first + at, *m_at = to.first + first + at, *v_at = to.second + first + at;
        if (count - at >= kLanes) {
            Vec p = load(value), m = load(m_at), v = load(v_at);
            adam_lanes(a, gradient ? load(gradient + at) : broadcast(0.0f), p, m, v);
            store(value, p);
            store(m_at, m);
            store(v_at, v);
        } else {
            const uint32_t lanes = first_lanes(static_cast<int>(count - at));
            Vec p = load_lanes(value, lanes), m = load_lanes(m_at, lanes), v = load_lanes(v_at, lanes);
            adam_lanes(a, gradient ? load_lanes(gradient + at, lanes) : broadcast(0.0f), p, m, v);
            store_lanes(value, p, lanes);
            store_lanes(m_at, m, lanes);
            store_lanes(v_at, v, lanes);
        }
    }
}

}  // namespace splatseg::SPLATSEG_LEVEL
