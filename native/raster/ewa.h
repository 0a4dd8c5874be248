// The local affine (EWA) projection of 16 Gaussians at once, shared by project.cpp and project_backward.cpp.
//
// Alphabet: R, t world to camera; (x, y, z) camera coordinates; Q rotation of the unit quaternion; A = R Q diag(scales)
// the Gaussian's axes in camera coordinates; J the 2x3 Jacobian; H = J A; covariance = H H^T + eps2d I (xx, xy, yy).
// Source: EWA splatting (Zwicker et al. 2001), equations 24 to 31.
#pragma once

#include "raster/raster.h"
#include "simd/simd.h"

namespace splatseg::SPLATSEG_LEVEL {

// 16 Gaussians, field by field. Missing ones (a short last group) are all zero, hence not drawn.
struct Batch {
    Vec mean[3], quat[4], scale[3], opacity, offset[2];
};

SPLATSEG_INLINE Vec gather(const float* p, int stride, int n) {
    alignas(64) float lane[kLanes];
    for (int i = 0; i < n; ++i) lane[i] = p[i * stride];
    for (int i = n; i < kLanes; ++i) lane[i] = 0.0f;
    return load(lane);
}

SPLATSEG_INLINE Batch load_batch(const Gaussians& g, int64_t first, int n) {
    Batch b;
    for (int k = 0; k < 3; ++k) b.mean[k] = gather(g.means + 3 * first + k, 3, n);
    for (int k = 0; k < 4; ++k) b.quat[k] = gather(g.quats + 4 * first + k, 4, n);
    for (int k = 0; k < 3; ++k) b.scale[k] = gather(g.scales + 3 * first + k, 3, n);
    b.opacity = gather(g.opacities + first, 1, n);
    for (int k = 0; k < 2; ++k)
        b.offset[k] = g.means2d_offset ? gather(g.means2d_offset + 2 * first + k, 2, n) : broadcast(0.0f);
    return b;
}

// The same for any 16 indices.
SPLATSEG_INLINE Batch load_batch(const Gaussians& g, const uint32_t* ids, int n) {
    alignas(64) float field[13][kLanes] = {};
    for (int i = 0; i < n; ++i) {
        const size_t id = ids[i];
        for (int k = 0; k < 3; ++k) field[k][i] = g.means[3 * id + k];
        for (int k = 0; k < 4; ++k) field[3 + k][i] = g.quats[4 * id + k];
        for (int k = 0; k < 3; ++k) field[7 + k][i] = g.scales[3 * id + k];
        field[10][i] = g.opacities[id];
        for (int k = 0; k < 2; ++k) field[11 + k][i] = g.means2d_offset ? g.means2d_offset[2 * id + k] : 0.0f;
    }
    Batch b;
    for (int k = 0; k < 3; ++k) b.mean[k] = load(field[k]);
    for (int k = 0; k < 4; ++k) b.quat[k] = load(field[3 + k]);
    for (int k = 0; k < 3; ++k) b.scale[k] = load(field[7 + k]);
    b.opacity = load(field[10]);
    for (int k = 0; k < 2; ++k) b.offset[k] = load(field[11 + k]);
    return b;
}

struct Ewa {
    Vec x, y, z, inverse_z;
    Vec unit[4], inverse_norm;  // the unit quaternion, one over the length of the one given
    Vec Q[3][3], A[3][3];
    Vec tan_x, tan_y;     // x/z and y/z, clamped
    Mask free_x, free_y;  // where they were not
    Vec J00, J02, J11, J12;
    Vec H[2][3];
    Vec xx, xy, yy, determinant;
};

SPLATSEG_INLINE Ewa project_ewa(const Batch& b, const Camera& camera, const Cutoffs& cutoffs) {
    Ewa e;
    const Vec one = broadcast(1.0f), two = broadcast(2.0f);
    Vec R[3][3];
    for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 3; ++k) R[i][k] = broadcast(camera.rotation[3 * i + k]);
    Vec local[3];
    for (int i = 0; i < 3; ++i)
        local[i] =
            fma(R[i][2], b.mean[2], fma(R[i][1], b.mean[1], fma(R[i][0], b.mean[0], broadcast(camera.translation[i]))));
    e.x = local[0], e.y = local[1], e.z = local[2];
    e.inverse_z = one / e.z;

    const Vec norm2 = b.quat[0] * b.quat[0] + b.quat[1] * b.quat[1] + b.quat[2] * b.quat[2] + b.quat[3] * b.quat[3];
    e.inverse_norm = one / sqrt(norm2);
    for (int k = 0; k < 4; ++k) e.unit[k] = b.quat[k] * e.inverse_norm;
    const Vec w = e.unit[0], x = e.unit[1], y = e.unit[2], z = e.unit[3];
    e.Q[0][0] = one - two * (y * y + z * z);
    e.Q[0][1] = two * (x * y - w * z);
    e.Q[0][2] = two * (x * z + w * y);
    e.Q[1][0] = two * (x * y + w * z);
    e.Q[1][1] = one - two * (x * x + z * z);
    e.Q[1][2] = two * (y * z - w * x);
    e.Q[2][0] = two * (x * z - w * y);
    e.Q[2][1] = two * (y * z + w * x);
    e.Q[2][2] = one - two * (x * x + y * y);
    for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 3; ++k)
            e.A[i][k] = (R[i][0] * e.Q[0][k] + R[i][1] * e.Q[1][k] + R[i][2] * e.Q[2][k]) * b.scale[k];

    // Far outside the frustum the affine approximation blows up; there the Jacobian is taken at the clamped direction.
    const float margin_x = cutoffs.frustum_margin * 0.5f * camera.width / camera.fx;
    const float margin_y = cutoffs.frustum_margin * 0.5f * camera.height / camera.fy;
    const Vec low_x = broadcast(-(camera.cx / camera.fx + margin_x));
    const Vec low_y = broadcast(-(camera.cy / camera.fy + margin_y));
    const Vec high_x = broadcast((camera.width - camera.cx) / camera.fx + margin_x);
    const Vec high_y = broadcast((camera.height - camera.cy) / camera.fy + margin_y);
    const Vec ratio_x = e.x * e.inverse_z, ratio_y = e.y * e.inverse_z;
    e.free_x = both(at_least(ratio_x, low_x), at_least(high_x, ratio_x));
    e.free_y = both(at_least(ratio_y, low_y), at_least(high_y, ratio_y));
    e.tan_x = clamp(ratio_x, low_x, high_x);
    e.tan_y = clamp(ratio_y, low_y, high_y);

    e.J00 = broadcast(camera.fx) * e.inverse_z;
    e.J11 = broadcast(camera.fy) * e.inverse_z;
    e.J02 = -(e.J00 * e.tan_x);
    e.J12 = -(e.J11 * e.tan_y);
    for (int k = 0; k < 3; ++k) {
        e.H[0][k] = fma(e.J02, e.A[2][k], e.J00 * e.A[0][k]);
        e.H[1][k] = fma(e.J12, e.A[2][k], e.J11 * e.A[1][k]);
    }
    const Vec(&p)[3] = e.H[0], (&q)[3] = e.H[1];
    const Vec eps = broadcast(cutoffs.eps2d);
    const Vec pp = p[0] * p[0] + p[1] * p[1] + p[2] * p[2];
    const Vec qq = q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
    e.xx = pp + eps;
    e.yy = qq + eps;
    e.xy = p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    // det(H H^T) is the sum of the squared minors (Cauchy-Binet): no difference of large numbers as in xx yy - xy^2.
    const Vec m01 = p[0] * q[1] - p[1] * q[0], m02 = p[0] * q[2] - p[2] * q[0], m12 = p[1] * q[2] - p[2] * q[1];
    e.determinant = m01 * m01 + m02 * m02 + m12 * m12 + eps * (pp + qq + eps);
    return e;
}

}  // namespace splatseg::SPLATSEG_LEVEL
