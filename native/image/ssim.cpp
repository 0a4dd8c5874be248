// L1 + D-SSIM of an image against a target, with the gradient, in two sweeps over the rows.
//
// Alphabet: x image, y target; E[.] the 11x11 Gaussian window (sigma 1.5, zero padding), separable; m = E[x], n = E[y];
//   S = A1 A2 / (B1 B2),  A1 = 2 m n + C1,  A2 = 2 (E[xy] - m n) + C2,  B1 = m^2 + n^2 + C1,
//   B2 = E[x^2 + y^2] - m^2 - n^2 + C2.
// The first sweep blurs x, y, x^2 + y^2 and xy and leaves P = dS/dm, Q = dS/dE[x^2 + y^2], R = dS/dE[xy]; the window is
// its own transpose, so the second gives dS/dx = E[P] + 2 x E[Q] + y E[R].
// Source: Wang et al. 2004; the loss and its constants are those of 3D Gaussian Splatting (Kerbl et al. 2023).
#include "image/image.h"
#include "memory/buffer.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int kRadius = 5;
constexpr int kTaps = 2 * kRadius + 1;
constexpr int kChannels = 3;
constexpr int kMargin = 16;  // floats of zero padding in front of a row: at least kRadius pixels
constexpr int kRows = 8;     // rows a thread takes at a time
constexpr float kC1 = 0.01f * 0.01f, kC2 = 0.03f * 0.03f;

// exp(-k^2 / (2 1.5^2)), k = -5..5, normalised
constexpr float kWindow[kTaps] = {0.00102838f, 0.00759876f, 0.03600077f, 0.10936069f, 0.21300554f, 0.26601173f,
                                  0.21300554f, 0.10936069f, 0.03600077f, 0.00759876f, 0.00102838f};

// n <= 16 floats; the rest zero.
SPLATSEG_INLINE Vec load_some(const float* p, int n) {
    if (n >= kLanes) return load(p);
    alignas(64) float lane[kLanes] = {};
    std::memcpy(lane, p, sizeof(float) * n);
    return load(lane);
}

SPLATSEG_INLINE void store_some(float* p, Vec a, int n) {
    if (n >= kLanes) return store(p, a);
    alignas(64) float lane[kLanes];
    store(lane, a);
    std::memcpy(p, lane, sizeof(float) * n);
}

SPLATSEG_INLINE float sum_lanes(Vec a) {
    alignas(64) float lane[kLanes];
    store(lane, a);
    for (int half = kLanes / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
}

SPLATSEG_INLINE Vec blur_row(const float* row) {  // row points at the first of the 16, inside its margins
    Vec sum = broadcast(kWindow[kRadius]) * load(row);
    SPLATSEG_UNROLL
    for (int k = 1; k <= kRadius; ++k)
        sum = fma(broadcast(kWindow[kRadius + k]), load(row - k * kChannels) + load(row + k * kChannels), sum);
    return sum;
}

struct Sweep {
    ImagePair pair;
    int length;        // floats in a row
    int padded;        // floats in a padded row
    float* maps[3];    // P, Q, R (H, length), or null when no gradient is wanted
    double* row_ssim;  // (H,)
    double* row_l1;    // (H,)
};

void statistics_row(const Sweep& s, int y, float* scratch) {
    float* rows[4];  // vertical blurs of x, y, x^2 + y^2, xy
    for (int m = 0; m < 4; ++m) {
        rows[m] = scratch + m * s.padded + kMargin;
        std::memset(scratch + m * s.padded, 0, sizeof(float) * s.padded);
    }
    const int low = y < kRadius ? -y : -kRadius;  // rows outside the image are zero: they add nothing
    const int high = s.pair.height - 1 - y < kRadius ? s.pair.height - 1 - y : kRadius;
    double l1 = 0.0, total = 0.0;
    for (int i = 0; i < s.length; i += kLanes) {
        const int n = s.length - i;
        Vec x1 = broadcast(0.0f), y1 = x1, xx = x1, xy = x1;
        for (int k = low; k <= high; ++k) {
            const int64_t at = int64_t(y + k) * s.length + i;
            const Vec x = load_some(s.pair.image + at, n), t = load_some(s.pair.target + at, n);
            const Vec w = broadcast(kWindow[k + kRadius]), wx = w * x, wt = w * t;
            x1 = x1 + wx;
            y1 = y1 + wt;
            xx = fma(wx, x, fma(wt, t, xx));
            xy = fma(wx, t, xy);
        }
        store_some(rows[0] + i, x1, n);
        store_some(rows[1] + i, y1, n);
        store_some(rows[2] + i, xx, n);
        store_some(rows[3] + i, xy, n);
        const Vec d = load_some(s.pair.image + int64_t(y) * s.length + i, n) -
                      load_some(s.pair.target + int64_t(y) * s.length + i, n);
        l1 += sum_lanes(max(d, -d));
    }
    for (int i = 0; i < s.length; i += kLanes) {
        const int n = s.length - i;
        const Vec two = broadcast(2.0f), c1 = broadcast(kC1), c2 = broadcast(kC2);
        const Vec mu = blur_row(rows[0] + i), nu = blur_row(rows[1] + i);
        const Vec squares = mu * mu + nu * nu, product = mu * nu;
        const Vec a1 = two * product + c1, a2 = two * (blur_row(rows[3] + i) - product) + c2;
        const Vec b1 = squares + c1, b2 = blur_row(rows[2] + i) - squares + c2;
        const Vec inverse1 = broadcast(1.0f) / b1, inverse2 = broadcast(1.0f) / b2, inverse = inverse1 * inverse2;
        const Vec ssim = a1 * a2 * inverse;
        total += sum_lanes(keep(mask_from_bits(first_lanes(n)), ssim));
        if (!s.maps[0]) continue;
        const Vec to_mu = two * (nu * (a2 - a1) * inverse + ssim * mu * (inverse2 - inverse1));
        const int64_t at = int64_t(y) * s.length + i;
        store_some(s.maps[0] + at, to_mu, n);
        store_some(s.maps[1] + at, -(ssim * inverse2), n);
        store_some(s.maps[2] + at, two * a1 * inverse, n);
    }
    s.row_l1[y] = l1;
    s.row_ssim[y] = total;
}

void gradient_row(const Sweep& s, int y, float weight_l1, float weight_ssim, float* scratch, float* gradient) {
    float* rows[3];
    for (int m = 0; m < 3; ++m) {
        rows[m] = scratch + m * s.padded + kMargin;
        std::memset(scratch + m * s.padded, 0, sizeof(float) * s.padded);
    }
    const int low = y < kRadius ? -y : -kRadius;
    const int high = s.pair.height - 1 - y < kRadius ? s.pair.height - 1 - y : kRadius;
    for (int i = 0; i < s.length; i += kLanes) {
        const int n = s.length - i;
        Vec sum[3] = {broadcast(0.0f), broadcast(0.0f), broadcast(0.0f)};
        for (int k = low; k <= high; ++k) {
            const Vec w = broadcast(kWindow[k + kRadius]);
            for (int m = 0; m < 3; ++m)
                sum[m] = fma(w, load_some(s.maps[m] + int64_t(y + k) * s.length + i, n), sum[m]);
        }
        for (int m = 0; m < 3; ++m) store_some(rows[m] + i, sum[m], n);
    }
    const Vec zero = broadcast(0.0f), l1 = broadcast(weight_l1);
    for (int i = 0; i < s.length; i += kLanes) {
        const int n = s.length - i;
        const int64_t at = int64_t(y) * s.length + i;
        const Vec x = load_some(s.pair.image + at, n), t = load_some(s.pair.target + at, n);
        const Vec ssim = fma(t, blur_row(rows[2] + i), fma(x + x, blur_row(rows[1] + i), blur_row(rows[0] + i)));
        const Vec sign = keep(greater(x, t), l1) - keep(greater(t, x), l1);
        store_some(gradient + at, fma(broadcast(weight_ssim), ssim, sign + zero), n);
    }
}

}  // namespace

void photometric(const ImagePair& pair, float ssim_weight, float* gradient, double* l1, double* ssim, int threads) {
    Sweep s;
    s.pair = pair;
    s.length = pair.width * kChannels;
    s.padded = (kMargin + s.length + 2 * kLanes + kMargin) / kLanes * kLanes;
    const int64_t values = int64_t(pair.height) * s.length;
    const Buffer maps(gradient ? sizeof(float) * 3 * values : 0);
    for (int m = 0; m < 3; ++m) s.maps[m] = gradient ? maps.as<float>() + m * values : nullptr;
    const Buffer sums(sizeof(double) * 2 * pair.height);
    s.row_l1 = sums.as<double>();
    s.row_ssim = s.row_l1 + pair.height;
    const Buffer scratch(sizeof(float) * 4 * s.padded * threads);
    const auto each_row = [&](auto&& row) {
        parallel_ranges(pair.height, kRows, threads, [&](int64_t begin, int64_t end, int worker) {
            for (int y = static_cast<int>(begin); y < end; ++y)
                row(y, scratch.as<float>() + 4 * static_cast<size_t>(s.padded) * worker);
        });
    };
    each_row([&](int y, float* memory) { statistics_row(s, y, memory); });
    double sum_l1 = 0.0, sum_ssim = 0.0;
    for (int y = 0; y < pair.height; ++y) {
        sum_l1 += s.row_l1[y];
        sum_ssim += s.row_ssim[y];
    }
    *l1 = sum_l1 / static_cast<double>(values);
    *ssim = sum_ssim / static_cast<double>(values);
    if (!gradient) return;
    const float weight_l1 = (1.0f - ssim_weight) / static_cast<float>(values);
    const float weight_ssim = -ssim_weight / static_cast<float>(values);
    each_row([&](int y, float* memory) { gradient_row(s, y, weight_l1, weight_ssim, memory, gradient); });
}

}  // namespace splatseg::SPLATSEG_LEVEL
