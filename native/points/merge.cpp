// Gaussians merged by their moments. Level-independent.
//
//   light of a Gaussian      L = Li2(opacity) A,  A = sqrt(tr adj(C + blur I) / 3)
//   mean, covariance         m = sum L_i m_i / L,  C = sum L_i (C_i + (m_i - m)(m_i - m)^T) / L,  L = sum L_i
//   opacity                  Li2(opacity) A(C) = L if it can be, else sum opacity_i A_i / A(C), which may be above 1
//
// In a pixel, optical depths -ln(1 - alpha) add, whatever the order. The integral of that of one Gaussian over the
// picture is 2 pi sqrt(det) Li2(opacity), Li2 the dilogarithm; A is sqrt(det) of the projected covariance, the root
// mean square over all directions. So the merged Gaussian lets as much light through, on the whole, as its parts do
// together.
//
// Many opaque parts behind one another have an edge farther out than one has. The rasteriser cuts alpha at 0.999, so an
// opacity above 1 makes a flat top with the edge where it should be: 3 to 4 dB. An opacity of such a part counts as it
// is: L = Li2(0.999) opacity A.
//
// Source: moments, and opacities above 1, as in hierarchies of Gaussians (Kerbl et al. 2024, arXiv 2406.12080, section
// 4.1); the light is ours.
#include "points/merge.h"

#include <algorithm>
#include <cmath>

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kAtOnce = 512;
constexpr int64_t kFlagsAtOnce = 1 << 14;
constexpr int64_t kAhead = 32;         // flags that are fetched before they are read
constexpr double kMostOpaque = 0.999;  // alpha_max of RasterSettings
constexpr double kLeastVariance = 1e-24;

struct Symmetric {  // xx, xy, xz, yy, yz, zz
    double v[6] = {};
};

// The dilogarithm of x in [0, 1): by its series up to a half, beyond by Euler's reflection.
double dilogarithm(double x) {
    if (x > 0.5) return 1.6449340668482264 - std::log(x) * std::log1p(-x) - dilogarithm(1.0 - x);
    double sum = 0.0, power = 1.0;
    for (int k = 1; k <= 20; ++k) {
        power *= x;
        sum += power / (k * k);
    }
    return sum;
}

constexpr double kMostLight = 1.6370;  // the dilogarithm of kMostOpaque

// The opacity with a dilogarithm, at most kMostOpaque. Newton's steps from the right fall towards the root of a convex
// function and never past it.
double opacity_of(double light) {
    if (light >= kMostLight) return kMostOpaque;
    double x = std::min(light, kMostOpaque);
    if (x < 1e-9) return x;
    for (int step = 0; step < 12; ++step) {
        const double next = x + (light - dilogarithm(x)) * x / -std::log1p(-x);
        if (!(next < x - 1e-9)) break;
        x = next;
    }
    return x;
}

void rotation_of(const float* quat, double (&R)[3][3]) {
    double w = quat[0], x = quat[1], y = quat[2], z = quat[3];
    const double norm = 1.0 / std::sqrt(w * w + x * x + y * y + z * z);
    w *= norm, x *= norm, y *= norm, z *= norm;
    R[0][0] = 1 - 2 * (y * y + z * z), R[0][1] = 2 * (x * y - w * z), R[0][2] = 2 * (x * z + w * y);
    R[1][0] = 2 * (x * y + w * z), R[1][1] = 1 - 2 * (x * x + z * z), R[1][2] = 2 * (y * z - w * x);
    R[2][0] = 2 * (x * z - w * y), R[2][1] = 2 * (y * z + w * x), R[2][2] = 1 - 2 * (x * x + y * y);
}

Symmetric covariance_of(const float* quat, const float* scale) {
    double R[3][3];
    rotation_of(quat, R);
    Symmetric out;
    for (int axis = 0; axis < 3; ++axis) {
        const double square = static_cast<double>(scale[axis]) * scale[axis];
        int k = 0;
        for (int i = 0; i < 3; ++i)
            for (int j = i; j < 3; ++j) out.v[k++] += square * R[i][axis] * R[j][axis];
    }
    return out;
}

double area_of(const Symmetric& c, double blur) {
    const double xx = c.v[0] + blur, yy = c.v[3] + blur, zz = c.v[5] + blur;
    const double minors = xx * yy - c.v[1] * c.v[1] + xx * zz - c.v[2] * c.v[2] + yy * zz - c.v[4] * c.v[4];
    return std::sqrt(std::max(minors, 0.0) / 3.0);
}

// Eigenvalues and eigenvectors (the columns of V, right-handed) by Jacobi's rotations.
void eigen(const Symmetric& c, double (&values)[3], double (&V)[3][3]) {
    double A[3][3] = {{c.v[0], c.v[1], c.v[2]}, {c.v[1], c.v[3], c.v[4]}, {c.v[2], c.v[4], c.v[5]}};
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) V[i][j] = i == j;
    for (int sweep = 0; sweep < 16; ++sweep) {
        const double off = A[0][1] * A[0][1] + A[0][2] * A[0][2] + A[1][2] * A[1][2];
        const double on = A[0][0] * A[0][0] + A[1][1] * A[1][1] + A[2][2] * A[2][2];
        if (!(off > 1e-18 * on)) break;
        for (int p = 0; p < 2; ++p)
            for (int q = p + 1; q < 3; ++q) {
                if (A[p][q] == 0.0) continue;
                const double theta = (A[q][q] - A[p][p]) / (2.0 * A[p][q]);
                const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
                const double cosine = 1.0 / std::sqrt(t * t + 1.0), sine = t * cosine;
                const int r = 3 - p - q;
                const double pq = A[p][q], pr = A[p][r], qr = A[q][r];
                A[p][p] -= t * pq, A[q][q] += t * pq;
                A[p][q] = A[q][p] = 0.0;
                A[p][r] = A[r][p] = cosine * pr - sine * qr;
                A[q][r] = A[r][q] = sine * pr + cosine * qr;
                for (int i = 0; i < 3; ++i) {
                    const double ip = V[i][p], iq = V[i][q];
                    V[i][p] = cosine * ip - sine * iq;
                    V[i][q] = sine * ip + cosine * iq;
                }
            }
    }
    for (int i = 0; i < 3; ++i) values[i] = A[i][i];
}

// A unit quaternion of a rotation, from its largest component (Shepperd 1978).
void quaternion_of(const double (&R)[3][3], float* out) {
    const double trace = R[0][0] + R[1][1] + R[2][2];
    double q[4];
    int i = 0;
    for (int k = 1; k < 3; ++k)
        if (R[k][k] > R[i][i]) i = k;
    if (trace > R[i][i]) {
        q[0] = 1.0 + trace, q[1] = R[2][1] - R[1][2], q[2] = R[0][2] - R[2][0], q[3] = R[1][0] - R[0][1];
    } else {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        q[0] = R[k][j] - R[j][k];
        q[1 + i] = 1.0 + R[i][i] - R[j][j] - R[k][k];
        q[1 + j] = R[j][i] + R[i][j];
        q[1 + k] = R[k][i] + R[i][k];
    }
    const double norm = 1.0 / std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    for (int k = 0; k < 4; ++k) out[k] = static_cast<float>(q[k] * norm);
}

void copy_one(const Gaussians& parts, int64_t row, const Merged& out, int64_t s) {
    std::copy_n(parts.means + 3 * row, 3, out.means + 3 * s);
    std::copy_n(parts.quats + 4 * row, 4, out.quats + 4 * s);
    std::copy_n(parts.scales + 3 * row, 3, out.scales + 3 * s);
    out.opacities[s] = parts.opacities[row];
}

void merge_one(const Gaussians& parts, const int32_t* rows, int64_t n, double blur, const Merged& out, int64_t s,
               float* shares) {
    const float* origin = parts.means + 3 * static_cast<int64_t>(rows[0]);
    double light = 0.0, plain = 0.0, first[3] = {};
    Symmetric second;
    for (int64_t k = 0; k < n; ++k) {
        const int64_t row = rows[k];
        const Symmetric c = covariance_of(parts.quats + 4 * row, parts.scales + 3 * row);
        const double opacity = std::max(static_cast<double>(parts.opacities[row]), 0.0), area = area_of(c, blur);
        const double own = (opacity < kMostOpaque ? dilogarithm(opacity) : kMostLight * opacity) * area;
        plain += opacity * area;
        double d[3];
        for (int i = 0; i < 3; ++i) d[i] = static_cast<double>(parts.means[3 * row + i]) - origin[i];
        int at = 0;
        for (int i = 0; i < 3; ++i) {
            first[i] += own * d[i];
            for (int j = i; j < 3; ++j, ++at) second.v[at] += own * (c.v[at] + d[i] * d[j]);
        }
        light += own;
        shares[k] = static_cast<float>(own);
    }
    if (!(light > 0.0)) {  // parts of no opacity: any of them shows the same
        copy_one(parts, rows[0], out, s);
        for (int64_t k = 0; k < n; ++k) shares[k] = 1.0f / static_cast<float>(n);
        return;
    }
    const double inverse = 1.0 / light;
    for (int i = 0; i < 3; ++i) first[i] *= inverse;
    int at = 0;
    for (int i = 0; i < 3; ++i)
        for (int j = i; j < 3; ++j, ++at) second.v[at] = second.v[at] * inverse - first[i] * first[j];
    double values[3], axes[3][3];
    eigen(second, values, axes);
    for (int i = 0; i < 3; ++i) {
        out.means[3 * s + i] = static_cast<float>(origin[i] + first[i]);
        out.scales[3 * s + i] = static_cast<float>(std::sqrt(std::max(values[i], kLeastVariance)));
    }
    quaternion_of(axes, out.quats + 4 * s);
    const double area = area_of(second, blur);
    out.opacities[s] =
        static_cast<float>(light < kMostLight * area ? opacity_of(light / area) : std::max(kMostOpaque, plain / area));
    for (int64_t k = 0; k < n; ++k) shares[k] = static_cast<float>(shares[k] * inverse);
}

}  // namespace

void merge_gaussians(const Gaussians& parts, const Groups& groups, double blur, const Merged& out, float* shares,
                     int threads) {
    parallel_ranges(groups.count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t s = begin; s < end; ++s) {
            const int64_t start = groups.starts[s], n = groups.starts[s + 1] - start;
            if (n == 1) {
                copy_one(parts, groups.rows[start], out, s);
                shares[start] = 1.0f;
            } else {
                merge_one(parts, groups.rows + start, n, blur, out, s, shares + start);
            }
        }
    });
}

void mean_of_groups(const float* values, int64_t channels, const Groups& groups, const float* shares, float* out,
                    int threads) {
    parallel_ranges(groups.count, kAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        if (channels == 1) {  // as below, without a loop in the loop
            for (int64_t s = begin; s < end; ++s) {
                float sum = 0.0f;
                for (int64_t k = groups.starts[s]; k < groups.starts[s + 1]; ++k)
                    sum += shares[k] * values[groups.rows[k]];
                out[s] = sum;
            }
            return;
        }
        std::fill(out + begin * channels, out + end * channels, 0.0f);
        for (int64_t s = begin; s < end; ++s)
            for (int64_t k = groups.starts[s]; k < groups.starts[s + 1]; ++k) {
                const float* value = values + groups.rows[k] * channels;
                for (int64_t c = 0; c < channels; ++c) out[s * channels + c] += shares[k] * value[c];
            }
    });
}

void flags_of(const uint8_t* flags, const int32_t* rows, int64_t count, float* out, int threads) {
    parallel_ranges(count, kFlagsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        const int64_t fetched = std::max(begin, end - kAhead);
        int64_t k = begin;
        for (; k < fetched; ++k) {
            __builtin_prefetch(flags + rows[k + kAhead]);
            out[k] = flags[rows[k]] ? 1.0f : 0.0f;
        }
        for (; k < end; ++k) out[k] = flags[rows[k]] ? 1.0f : 0.0f;
    });
}

}  // namespace splatseg
