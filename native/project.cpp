// Projection of Gaussians to the image plane, 16 at a time: what is drawn, where, how wide, and how far away.
#include "ewa.h"

#include "kernels.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kFinite = 3.0e38f;

// All comparisons are true for good values, so that NaN fails them.
SPLATSEG_INLINE Mask is_finite(Vec a) { return both(greater(broadcast(kFinite), a), greater(a, broadcast(-kFinite))); }

SPLATSEG_INLINE Mask finite(const Batch& b) {
    Mask m = is_finite(b.opacity);
    for (int k = 0; k < 3; ++k) m = both(m, both(is_finite(b.mean[k]), is_finite(b.scale[k])));
    for (int k = 0; k < 4; ++k) m = both(m, is_finite(b.quat[k]));
    for (int k = 0; k < 2; ++k) m = both(m, is_finite(b.offset[k]));
    return m;
}

SPLATSEG_INLINE int clamp_to_int(float value, int high) {
    return value <= 0.0f ? 0 : value >= static_cast<float>(high) ? high : static_cast<int>(value);
}

// Tiles with a pixel centre inside mean -+ extent. A little slack: rounding must never lose a pixel.
SPLATSEG_INLINE TileRect tile_rect(float mx, float my, float ex, float ey, const Camera& camera) {
    ex = ex * 1.00001f + 1e-3f;
    ey = ey * 1.00001f + 1e-3f;
    const int x0 = clamp_to_int(__builtin_ceilf(mx - ex - 0.5f), camera.width);
    const int y0 = clamp_to_int(__builtin_ceilf(my - ey - 0.5f), camera.height);
    const int x1 = clamp_to_int(__builtin_floorf(mx + ex + 0.5f), camera.width);
    const int y1 = clamp_to_int(__builtin_floorf(my + ey + 0.5f), camera.height);
    if (x0 >= x1 || y0 >= y1) return {0, 0, 0, 0};
    return {static_cast<uint16_t>(x0 / kTile), static_cast<uint16_t>(y0 / kTile),
            static_cast<uint16_t>((x1 + kTile - 1) / kTile), static_cast<uint16_t>((y1 + kTile - 1) / kTile)};
}

}  // namespace

void project(const Gaussians& gaussians, const Camera& camera, const Cutoffs& cutoffs, const Projection& out,
             int64_t begin, int64_t end) {
    int64_t slot = begin;
    for (int64_t first = begin; first < end; first += kLanes) {
        const int n = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        const Batch b = load_batch(gaussians, first, n);
        const Ewa e = project_ewa(b, camera, cutoffs);
        const Vec zero = broadcast(0.0f), one = broadcast(1.0f), largest = broadcast(kFinite);

        Mask drawn = both(finite(b), at_least(e.z, broadcast(cutoffs.near)));
        drawn = both(drawn, at_least(b.opacity, broadcast(cutoffs.alpha_min)));
        drawn = both(drawn, both(greater(largest, e.inverse_norm), greater(e.inverse_norm, zero)));
        drawn = both(drawn, both(greater(e.determinant, zero), greater(largest, e.determinant)));

        const Vec mx = fma(e.x * e.inverse_z, broadcast(camera.fx), broadcast(camera.cx)) + b.offset[0];
        const Vec my = fma(e.y * e.inverse_z, broadcast(camera.fy), broadcast(camera.cy)) + b.offset[1];
        const Vec opacity = select(drawn, b.opacity, one);
        const Vec log2_opacity = log2(opacity);
        // alpha falls to alpha_min on the ellipse d^T covariance^-1 d = reach; its box has these half-sides.
        const Vec reach = max(broadcast(2.0f / kLog2E) * (log2_opacity - log2(broadcast(cutoffs.alpha_min))), zero);
        const Vec ex = sqrt(e.xx * reach), ey = sqrt(e.yy * reach);
        drawn =
            both(drawn, both(greater(mx + ex, zero), greater(broadcast(static_cast<float>(camera.width)), mx - ex)));
        drawn =
            both(drawn, both(greater(my + ey, zero), greater(broadcast(static_cast<float>(camera.height)), my - ey)));

        uint32_t left = bits(drawn);
        if (out.radii)
            for (int i = 0; i < n; ++i) out.radii[first + i] = 0;
        if (!left) continue;
        const Vec half = broadcast(0.5f * kLog2E);
        const Vec ux = sqrt(half * e.yy / e.determinant), lean = e.xy / e.yy;
        alignas(64) float field[11][kLanes];
        store(field[0], mx);
        store(field[1], my);
        store(field[2], ux);
        store(field[3], -(ux * lean));
        store(field[4], sqrt(half / e.yy));
        store(field[5], log2_opacity);
        store(field[6], e.xy / e.xx);
        store(field[7], lean);
        store(field[8], ex);
        store(field[9], ey);
        store(field[10], e.z);
        for (; left; left &= left - 1, ++slot) {
            const int i = __builtin_ctz(left);
            out.splats[slot] = {field[0][i], field[1][i], field[2][i], field[3][i],
                                field[4][i], field[5][i], field[6][i], field[7][i]};
            const float widest = field[8][i] > field[9][i] ? field[8][i] : field[9][i];
            out.rects[slot] = tile_rect(field[0][i], field[1][i], field[8][i], field[9][i], camera);
            std::memcpy(&out.depth_bits[slot], &field[10][i], 4);
            out.ids[slot] = static_cast<uint32_t>(first + i);
            if (out.radii) out.radii[first + i] = clamp_to_int(__builtin_ceilf(widest), 1 << 30);
        }
    }
    out.group_count[begin / kGroup] = static_cast<uint32_t>(slot - begin);
}

}  // namespace splatseg::SPLATSEG_LEVEL
