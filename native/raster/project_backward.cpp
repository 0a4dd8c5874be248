// Backward of the projection, 16 Gaussians at a time.
//
// Alphabet as in ewa.h; M the 2x2 matrix of second moments of h, m the first, m0 the zeroth; C the conic. With
// sigma = d^T C d / 2 and alpha = opacity exp(-sigma):
//   dL/dopacity = m0 / opacity      dL/dmean2d = C m      dL/dcovariance = C M C / 2 =: G      dL/dH = 2 G H
#include "raster/ewa.h"

#include "raster/project_backward.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

struct Gradients {
    Vec mean[3], quat[4], scale[3], opacity, mean2d[2];
};

// dL/d(unit quaternion) from D = dL/dQ, then through the normalisation.
SPLATSEG_INLINE void quaternion_gradient(const Ewa& e, const Vec (&D)[3][3], Vec (&out)[4]) {
    const Vec w = e.unit[0], x = e.unit[1], y = e.unit[2], z = e.unit[3], two = broadcast(2.0f);
    Vec d[4];
    d[0] = two * (x * (D[2][1] - D[1][2]) + y * (D[0][2] - D[2][0]) + z * (D[1][0] - D[0][1]));
    d[1] = two * (y * (D[0][1] + D[1][0]) + z * (D[0][2] + D[2][0]) + w * (D[2][1] - D[1][2]) -
                  two * x * (D[1][1] + D[2][2]));
    d[2] = two * (x * (D[0][1] + D[1][0]) + z * (D[1][2] + D[2][1]) + w * (D[0][2] - D[2][0]) -
                  two * y * (D[0][0] + D[2][2]));
    d[3] = two * (x * (D[0][2] + D[2][0]) + y * (D[1][2] + D[2][1]) + w * (D[1][0] - D[0][1]) -
                  two * z * (D[0][0] + D[1][1]));
    const Vec along = d[0] * w + d[1] * x + d[2] * y + d[3] * z;
    for (int k = 0; k < 4; ++k) out[k] = fnma(along, e.unit[k], d[k]) * e.inverse_norm;
}

SPLATSEG_INLINE Gradients gradients_of(const Batch& b, const Ewa& e, const Camera& camera,
                                       const float (*moments)[kLanes]) {
    Gradients out;
    const Vec half = broadcast(0.5f), two = broadcast(2.0f);
    const Vec m0 = load(moments[0]), mx = load(moments[1]), my = load(moments[2]);
    const Vec Mxx = load(moments[3]), Mxy = load(moments[4]), Myy = load(moments[5]);
    const Vec inverse = broadcast(1.0f) / e.determinant;
    const Vec Cxx = e.yy * inverse, Cyy = e.xx * inverse, Cxy = -(e.xy * inverse);
    out.opacity = m0 / b.opacity;
    out.mean2d[0] = Cxx * mx + Cxy * my;
    out.mean2d[1] = Cxy * mx + Cyy * my;

    const Vec Pxx = Cxx * Mxx + Cxy * Mxy, Pxy = Cxx * Mxy + Cxy * Myy;  // C M
    const Vec Pyx = Cxy * Mxx + Cyy * Mxy, Pyy = Cxy * Mxy + Cyy * Myy;
    const Vec Gxx = half * (Pxx * Cxx + Pxy * Cxy), Gxy = half * (Pxx * Cxy + Pxy * Cyy);
    const Vec Gyy = half * (Pyx * Cxy + Pyy * Cyy);
    Vec dH[2][3], dA[3][3];
    for (int k = 0; k < 3; ++k) {
        dH[0][k] = two * (Gxx * e.H[0][k] + Gxy * e.H[1][k]);
        dH[1][k] = two * (Gxy * e.H[0][k] + Gyy * e.H[1][k]);
        dA[0][k] = e.J00 * dH[0][k];
        dA[1][k] = e.J11 * dH[1][k];
        dA[2][k] = e.J02 * dH[0][k] + e.J12 * dH[1][k];
    }
    const auto dot = [](const Vec(&p)[3], const Vec(&q)[3]) { return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]; };
    const Vec dJ00 = dot(dH[0], e.A[0]), dJ02 = dot(dH[0], e.A[2]);
    const Vec dJ11 = dot(dH[1], e.A[1]), dJ12 = dot(dH[1], e.A[2]);

    // J00 = fx / z and J02 = -fx tan_x / z, where tan_x = x / z unless it was clamped; the mean is fx x / z + cx.
    const Vec fx_z = e.J00, fy_z = e.J11;
    const Vec dtan_x = keep(e.free_x, -(fx_z * dJ02)), dtan_y = keep(e.free_y, -(fy_z * dJ12));
    const Vec ratio_x = e.x * e.inverse_z, ratio_y = e.y * e.inverse_z;
    const Vec to_x = fx_z * out.mean2d[0] + dtan_x * e.inverse_z;
    const Vec to_y = fy_z * out.mean2d[1] + dtan_y * e.inverse_z;
    const Vec through_J = -(e.J00 * dJ00 + e.J02 * dJ02 + e.J11 * dJ11 + e.J12 * dJ12) * e.inverse_z;
    const Vec to_z = through_J - ratio_x * to_x - ratio_y * to_y;
    for (int k = 0; k < 3; ++k)
        out.mean[k] = broadcast(camera.rotation[k]) * to_x + broadcast(camera.rotation[3 + k]) * to_y +
                      broadcast(camera.rotation[6 + k]) * to_z;

    Vec D[3][3];
    for (int k = 0; k < 3; ++k) {
        out.scale[k] = broadcast(0.0f);
        for (int i = 0; i < 3; ++i) {  // dL/d(Q diag(scales)) = R^T dA
            const Vec d = broadcast(camera.rotation[i]) * dA[0][k] + broadcast(camera.rotation[3 + i]) * dA[1][k] +
                          broadcast(camera.rotation[6 + i]) * dA[2][k];
            out.scale[k] = fma(d, e.Q[i][k], out.scale[k]);
            D[i][k] = d * b.scale[k];
        }
    }
    quaternion_gradient(e, D, out.quat);
    return out;
}

SPLATSEG_INLINE void scatter(float* p, int stride, int column, const uint32_t* ids, int n, Vec values) {
    alignas(64) float lane[kLanes];
    store(lane, values);
    for (int i = 0; i < n; ++i) p[static_cast<size_t>(ids[i]) * stride + column] = lane[i];
}

}  // namespace

void project_backward(const Plan& plan, const Gaussians& gaussians, const uint32_t* ids, int n,
                      const float (*moments)[kLanes], const GeometryGradients& gradients) {
    const Batch b = load_batch(gaussians, ids, n);
    const Ewa e = project_ewa(b, plan.camera, plan.cutoffs);
    const Gradients g = gradients_of(b, e, plan.camera, moments);
    for (int k = 0; k < 3; ++k) scatter(gradients.means, 3, k, ids, n, g.mean[k]);
    for (int k = 0; k < 4; ++k) scatter(gradients.quats, 4, k, ids, n, g.quat[k]);
    for (int k = 0; k < 3; ++k) scatter(gradients.scales, 3, k, ids, n, g.scale[k]);
    scatter(gradients.opacities, 1, 0, ids, n, g.opacity);
    for (int k = 0; k < 2; ++k) scatter(gradients.means2d, 2, k, ids, n, g.mean2d[k]);
}

}  // namespace splatseg::SPLATSEG_LEVEL
