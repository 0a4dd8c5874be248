// Colours of Gaussians as a camera sees them, the gradient of their coefficients, and Adam's step by it without its
// being stored: 16 Gaussians at a time.
//
//   rgb_n = max(0, 0.5 + Y_0 sh0_n + sum_{k=1..K} Y_k(d_n) shN_{n,k})        d_n = (mean_n - position) / |...|
//
// The basis and its signs are those of splats/spherical_harmonics.py, which is the reference. Coefficients lie row by
// row; a row is turned so that its Gaussians lie in lanes, and back.
#include "image/adam.h"
#include "image/image.h"
#include "raster/raster.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int kMaxCoefficients = 15;
constexpr int kRowFloats = 48;  // 15 coefficients of 3 channels, in whole vectors
constexpr float kY0 = 0.28209479177387814f;

// Rows of 16 Gaussians, and turned: column f holds float f of every row.
struct Rows {
    alignas(64) float row[kLanes][kRowFloats];
    alignas(64) float column[kRowFloats][kLanes];
};

SPLATSEG_INLINE void turn(const float* from, int from_stride, float* to, int to_stride) {
    Vec v[kLanes];
    for (int i = 0; i < kLanes; ++i) v[i] = load(from + i * from_stride);
    transpose(v);
    for (int i = 0; i < kLanes; ++i) store(to + i * to_stride, v[i]);
}

SPLATSEG_INLINE void to_columns(Rows& r, int floats) {
    for (int first = 0; first < floats; first += kLanes) turn(&r.row[0][first], kRowFloats, r.column[first], kLanes);
}

SPLATSEG_INLINE void to_rows(Rows& r, int floats) {
    for (int first = 0; first < floats; first += kLanes) turn(r.column[first], kLanes, &r.row[0][first], kRowFloats);
}

// n <= 16 points (n,3) as three vectors; the lanes beyond repeat the last.
SPLATSEG_INLINE void load_points(const float* points, int n, Vec (&xyz)[3]) {
    alignas(64) float lane[3][kLanes];
    for (int i = 0; i < kLanes; ++i)
        for (int axis = 0; axis < 3; ++axis) lane[axis][i] = points[3 * (i < n ? i : n - 1) + axis];
    for (int axis = 0; axis < 3; ++axis) xyz[axis] = load(lane[axis]);
}

SPLATSEG_INLINE void store_points(const Vec (&xyz)[3], int n, float* points) {
    alignas(64) float lane[3][kLanes];
    for (int axis = 0; axis < 3; ++axis) store(lane[axis], xyz[axis]);
    for (int i = 0; i < n; ++i)
        for (int axis = 0; axis < 3; ++axis) points[3 * i + axis] = lane[axis][i];
}

// Y_1 .. Y_K of 16 directions.
SPLATSEG_INLINE void basis(const Harmonics& h, int64_t first, int n, Vec (&Y)[kMaxCoefficients]) {
    Vec p[3];
    load_points(h.means + 3 * first, n, p);
    Vec x = p[0] - broadcast(h.position[0]), y = p[1] - broadcast(h.position[1]), z = p[2] - broadcast(h.position[2]);
    // A Gaussian at the camera has no direction; as in torch's normalize it gets zero instead of NaN.
    const Vec length = max(sqrt(fma(x, x, fma(y, y, z * z))), broadcast(1e-12f)), inverse = broadcast(1.0f) / length;
    x = x * inverse;
    y = y * inverse;
    z = z * inverse;
    const auto c = [](float value) { return broadcast(value); };
    Y[0] = c(-0.4886025119029199f) * y;
    Y[1] = c(0.4886025119029199f) * z;
    Y[2] = c(-0.4886025119029199f) * x;
    if (h.degree < 2) return;
    const Vec xx = x * x, yy = y * y, zz = z * z, xy = x * y, lobes = xx - yy;
    Y[3] = c(1.0925484305920792f) * xy;
    Y[4] = c(-1.0925484305920792f) * (y * z);
    Y[5] = c(0.31539156525252005f) * (zz + zz - xx - yy);
    Y[6] = c(-1.0925484305920792f) * (x * z);
    Y[7] = c(0.5462742152960396f) * lobes;
    if (h.degree < 3) return;
    const Vec ring = c(4.0f) * zz - xx - yy;
    Y[8] = c(-0.5900435899266435f) * (y * (c(3.0f) * xx - yy));
    Y[9] = c(2.890611442640554f) * (xy * z);
    Y[10] = c(-0.4570457994644658f) * (y * ring);
    Y[11] = c(0.3731763325901154f) * (z * (zz + zz - c(3.0f) * (xx + yy)));
    Y[12] = c(-0.4570457994644658f) * (x * ring);
    Y[13] = c(1.445305721320277f) * (z * lobes);
    Y[14] = c(-0.5900435899266435f) * (x * (xx - c(3.0f) * yy));
}

SPLATSEG_INLINE int coefficients(int degree) { return (degree + 1) * (degree + 1) - 1; }

// Calls work(first, n) for 16 Gaussians at a time.
template <class F>
void for_each_batch(int64_t count, int threads, const F& work) {
    parallel_ranges(count, kGroup, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t first = begin; first < end; first += kLanes)
            work(first, end - first < kLanes ? static_cast<int>(end - first) : kLanes);
    });
}

// The gradients of 16 colours without those of channels that were clamped; false if all are zero.
SPLATSEG_INLINE bool unclamped(const float* out, const float* grad, int n, Vec (&g)[3]) {
    Vec rgb[3];
    load_points(grad, n, g);
    load_points(out, n, rgb);
    bool some = false;
    for (int c = 0; c < 3; ++c) {
        g[c] = keep(greater(rgb[c], broadcast(0.0f)), g[c]);
        some = some || any(greater(g[c] * g[c], broadcast(0.0f)));
    }
    return some;
}

SPLATSEG_INLINE void constant_gradients(const Vec (&g)[3], int n, float* to) {
    const Vec scaled[3] = {broadcast(kY0) * g[0], broadcast(kY0) * g[1], broadcast(kY0) * g[2]};
    store_points(scaled, n, to);
}

// Gradients (n,stored,3) of the coefficients beyond the constant: the outer products of basis and colour's gradient.
SPLATSEG_INLINE void varying_gradients(const Harmonics& h, int64_t first, int n, const Vec (&g)[3], bool zero,
                                       float* to) {
    const int used = 3 * coefficients(h.degree), stride = 3 * h.stored;
    if (zero || used < stride) std::memset(to, 0, sizeof(float) * stride * n);
    if (zero || !used) return;
    Vec Y[kMaxCoefficients];
    basis(h, first, n, Y);
    Rows rows;
    for (int f = 0; f < used; ++f) store(rows.column[f], Y[f / 3] * g[f % 3]);
    to_rows(rows, used);
    for (int i = 0; i < n; ++i) std::memcpy(to + i * stride, rows.row[i], sizeof(float) * used);
}

}  // namespace

void colors(const Harmonics& h, float* out, int threads) {
    const int used = 3 * coefficients(h.degree), stride = 3 * h.stored;
    for_each_batch(h.count, threads, [&](int64_t first, int n) {
        Vec rgb[3];
        load_points(h.sh0 + 3 * first, n, rgb);
        for (int c = 0; c < 3; ++c) rgb[c] = fma(broadcast(kY0), rgb[c], broadcast(0.5f));
        if (used) {
            Rows rows;
            for (int i = 0; i < kLanes; ++i)
                std::memcpy(rows.row[i], h.shN + (first + (i < n ? i : n - 1)) * stride, sizeof(float) * used);
            to_columns(rows, used);
            Vec Y[kMaxCoefficients];
            basis(h, first, n, Y);
            for (int f = 0; f < used; ++f) rgb[f % 3] = fma(Y[f / 3], load(rows.column[f]), rgb[f % 3]);
        }
        for (int c = 0; c < 3; ++c) rgb[c] = max(rgb[c], broadcast(0.0f));
        store_points(rgb, n, out + 3 * first);
    });
}

void colors_backward(const Harmonics& h, const float* out, const float* grad, float* grad_sh0, float* grad_shN,
                     int threads) {
    const int stride = 3 * h.stored;
    for_each_batch(h.count, threads, [&](int64_t first, int n) {
        Vec g[3];
        const bool zero = !unclamped(out + 3 * first, grad + 3 * first, n, g);
        constant_gradients(g, n, grad_sh0 + 3 * first);
        if (stride) varying_gradients(h, first, n, g, zero, grad_shN + first * stride);
    });
}

void colors_adam(const Harmonics& h, const float* out, const float* grad, const AdamStep& sh0_step, const Trained& sh0,
                 const AdamStep& shN_step, const Trained& shN, int threads) {
    const int stride = 3 * h.stored;
    const AdamVectors of_sh0(sh0_step), of_shN(shN_step);
    for_each_batch(h.count, threads, [&](int64_t first, int n) {
        Vec g[3];
        const bool zero = !unclamped(out + 3 * first, grad + 3 * first, n, g);
        alignas(64) float gradients[kLanes * 3 * kMaxCoefficients];
        constant_gradients(g, n, gradients);
        adam_run(of_sh0, gradients, sh0, 3 * first, 3 * n);
        if (!stride) return;
        // Of many Gaussians beside one another none is in a pixel of the step.
        if (!zero) varying_gradients(h, first, n, g, zero, gradients);
        adam_run(of_shN, zero ? nullptr : gradients, shN, stride * first, stride * n);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
