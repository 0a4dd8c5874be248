// Projection of Gaussians to the image plane, 16 at a time: what is drawn, where, how wide, and how far away.
#include "raster/ewa.h"

#include "simd/stages.h"

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

SPLATSEG_INLINE int32_t to_radius(float r) { return r < 1e9f ? static_cast<int32_t>(r) : 1000000000; }

struct FirstLast {
    Vec first, last;  // tiles [first, last)
};

// Tiles along one axis with a pixel centre inside mean -+ extent. A little slack: rounding must never lose a pixel.
SPLATSEG_INLINE FirstLast tile_range(Vec mean, Vec extent, int size) {
    const Vec half = broadcast(0.5f), zero = broadcast(0.0f), limit = broadcast(static_cast<float>(size));
    const Vec reach = fma(extent, broadcast(1.00001f), broadcast(1e-3f));
    const Vec low = clamp(ceil(mean - reach - half), zero, limit),
              high = clamp(floor(mean + reach + half), zero, limit);
    const Vec per_pixel = broadcast(1.0f / kTile);
    return {floor(low * per_pixel), select(greater(high, low), ceil(high * per_pixel), zero)};
}

}  // namespace

void project(const Gaussians& gaussians, const Camera& camera, const Cutoffs& cutoffs, const Projection& out,
             int64_t begin, int64_t end) {
    DepthId* next = out.drawn + begin;
    const Vec p_min = log2(broadcast(cutoffs.alpha_min));
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
        const Vec reach = max(broadcast(2.0f / kLog2E) * (log2_opacity - p_min), zero);
        const Vec ex = sqrt(e.xx * reach), ey = sqrt(e.yy * reach);
        drawn =
            both(drawn, both(greater(mx + ex, zero), greater(broadcast(static_cast<float>(camera.width)), mx - ex)));
        drawn =
            both(drawn, both(greater(my + ey, zero), greater(broadcast(static_cast<float>(camera.height)), my - ey)));

        // Gaussians that meet no pixel centre have a radius all the same, but an empty rectangle.
        const FirstLast columns = tile_range(mx, ex, camera.width), rows = tile_range(my, ey, camera.height);
        alignas(64) float lane[6][kLanes];
        store(lane[0], keep(drawn, ceil(max(ex, ey))));
        store(lane[1], e.z);
        store(lane[2], columns.first);
        store(lane[3], columns.last);
        store(lane[4], rows.first);
        store(lane[5], rows.last);
        if (out.radii)
            for (int i = 0; i < n; ++i) out.radii[first + i] = to_radius(lane[0][i]);
        std::memset(out.rects + first, 0, sizeof(TileRect) * n);
        uint32_t left = bits(both(drawn, both(greater(columns.last, columns.first), greater(rows.last, rows.first))));
        if (!left) continue;
        // log2 alpha falls by half * d^T C d, C the inverse of the covariance. Completing the square in dx:
        //   half d^T C d = (ux (dx - (xy / yy) dy))^2 + half dy^2 / yy,  ux^2 = half yy / det.
        const Vec half = broadcast(0.5f * kLog2E), lean = e.xy / e.yy, ux = sqrt(half * e.yy / e.determinant);
        const Vec fields[8] = {mx, my, ux, -(ux * lean), sqrt(half / e.yy), log2_opacity, e.xy / e.xx, lean};
        store_records(reinterpret_cast<float*>(out.splats + first), fields, n);
        for (; left; left &= left - 1) {
            const int i = __builtin_ctz(left);
            const auto tile = [&](int k) { return static_cast<uint16_t>(static_cast<int>(lane[k][i])); };
            out.rects[first + i] = {tile(2), tile(4), tile(3), tile(5)};
            std::memcpy(&next->depth_bits, &lane[1][i], sizeof(float));
            next->id = static_cast<uint32_t>(first + i);
            ++next;
        }
    }
    out.group_count[begin / kGroup] = static_cast<uint32_t>(next - (out.drawn + begin));
}

}  // namespace splatseg::SPLATSEG_LEVEL
