// The native rasteriser against its definition, without Python: for processors that are reached only by
// cross-compiling.
//
// A random scene of few Gaussians on an image that no tile divides; every SIMD level that runs here; forward, the
// transpose, and all gradients. The definition is computed in double by the formulas of docs/raster_contract.md, its
// gradients by central differences. Prints the largest errors and returns 1 if one is too large.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include "simd/dispatch.h"
#include "raster/raster.h"

namespace {

constexpr int kCount = 40, kWidth = 45, kHeight = 37, kChannels = 19;
const splatseg::Cutoffs kCutoffs{0.01f, 0.3f, 1.0f / 255.0f, 0.999f, 1e-4f, 0.3f};

struct Scene {
    std::vector<double> means, quats, scales, opacities, features, weights;  // weights (H,W,F): dL/d blended
    splatseg::Camera camera{};
};

Scene random_scene() {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::normal_distribution<double> normal;
    Scene s;
    for (int i = 0; i < kCount; ++i) {
        for (int k = 0; k < 3; ++k)
            s.means.push_back(k < 2 ? 1.4 * (uniform(random) - 0.5) : 1.5 + 2.0 * uniform(random));
        for (int k = 0; k < 4; ++k) s.quats.push_back(normal(random));
        for (int k = 0; k < 3; ++k) s.scales.push_back(0.02 + 0.15 * uniform(random));
        s.opacities.push_back(0.2 + 0.6 * uniform(random));
        for (int c = 0; c < kChannels; ++c) s.features.push_back(normal(random));
    }
    for (int i = 0; i < kWidth * kHeight * kChannels; ++i) s.weights.push_back(normal(random));
    s.camera.rotation[0] = s.camera.rotation[4] = s.camera.rotation[8] = 1.0f;
    s.camera.fx = s.camera.fy = 40.0f;
    s.camera.cx = 22.0f;
    s.camera.cy = 19.0f;
    s.camera.width = kWidth;
    s.camera.height = kHeight;
    return s;
}

struct Projected {
    double x, y, conic_xx, conic_xy, conic_yy, depth, opacity;
};

Projected project(const Scene& s, int i) {
    const double *m = &s.means[3 * i], *q = &s.quats[4 * i], *scale = &s.scales[3 * i];
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    const double w = q[0] / norm, x = q[1] / norm, y = q[2] / norm, z = q[3] / norm;
    const double R[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                            {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                            {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
    const double f = s.camera.fx;  // the scene keeps all means inside the frustum: no clamping of the Jacobian
    const double J[2][3] = {{f / m[2], 0, -f * m[0] / (m[2] * m[2])}, {0, f / m[2], -f * m[1] / (m[2] * m[2])}};
    double half[2][3] = {};
    for (int r = 0; r < 2; ++r)
        for (int c = 0; c < 3; ++c)
            for (int k = 0; k < 3; ++k) half[r][c] += J[r][k] * R[k][c] * scale[c];
    double xx = kCutoffs.eps2d, xy = 0, yy = kCutoffs.eps2d;
    for (int c = 0; c < 3; ++c) {
        xx += half[0][c] * half[0][c];
        xy += half[0][c] * half[1][c];
        yy += half[1][c] * half[1][c];
    }
    const double det = xx * yy - xy * xy;
    return {f * m[0] / m[2] + s.camera.cx,
            f * m[1] / m[2] + s.camera.cy,
            yy / det,
            -xy / det,
            xx / det,
            m[2],
            s.opacities[i]};
}

// blended (H,W,F); `blend_weights`, if given, becomes (H,W,N)
std::vector<double> define(const Scene& s, std::vector<double>* blend_weights = nullptr) {
    std::vector<Projected> projected;
    for (int i = 0; i < kCount; ++i) projected.push_back(project(s, i));
    std::vector<int> order(kCount);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return float(projected[a].depth) < float(projected[b].depth); });
    std::vector<double> blended(kWidth * kHeight * kChannels, 0.0);
    if (blend_weights) blend_weights->assign(kWidth * kHeight * kCount, 0.0);
    for (int pixel = 0; pixel < kWidth * kHeight; ++pixel) {
        double T = 1.0;
        for (const int i : order) {
            const Projected& p = projected[i];
            const double dx = pixel % kWidth + 0.5 - p.x, dy = pixel / kWidth + 0.5 - p.y;
            const double sigma = 0.5 * (p.conic_xx * dx * dx + p.conic_yy * dy * dy) + p.conic_xy * dx * dy;
            const double alpha = std::min(double(kCutoffs.alpha_max), p.opacity * std::exp(-sigma));
            if (alpha < kCutoffs.alpha_min) continue;
            if (T * (1.0 - alpha) <= kCutoffs.transmittance_min) break;
            for (int c = 0; c < kChannels; ++c)
                blended[pixel * kChannels + c] += T * alpha * s.features[i * kChannels + c];
            if (blend_weights) (*blend_weights)[pixel * kCount + i] = T * alpha;
            T *= 1.0 - alpha;
        }
    }
    return blended;
}

double loss(const Scene& s) {
    const std::vector<double> blended = define(s);
    return std::inner_product(blended.begin(), blended.end(), s.weights.begin(), 0.0);
}

// A parameter whose change moves a pixel across a cut-off has no useful difference quotient: two steps tell.
std::vector<double> differences(Scene& s, std::vector<double>& values, std::vector<bool>& smooth) {
    std::vector<double> gradient;
    for (double& value : values) {
        const double kept = value;
        const auto quotient = [&](double h) {
            value = kept + h;
            const double above = loss(s);
            value = kept - h;
            const double below = loss(s);
            value = kept;
            return (above - below) / (2 * h);
        };
        const double coarse = quotient(1e-6), fine = quotient(5e-7);
        gradient.push_back(fine);
        smooth.push_back(std::abs(coarse - fine) <= 1e-4 * (1.0 + std::abs(fine)));
    }
    return gradient;
}

std::vector<float> floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

bool check(const char* level, const char* what, const std::vector<float>& found, const std::vector<double>& expected,
           double limit, const std::vector<bool>& counted = {}) {
    double error = 0.0, size = 0.0;
    size_t left_out = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        size = std::max(size, std::abs(expected[i]));
        if (!counted.empty() && !counted[i]) {
            ++left_out;
            continue;
        }
        error = std::max(error, std::isfinite(found[i]) ? std::abs(found[i] - expected[i]) : 1e30);
    }
    const bool good = error <= limit * size && left_out * 4 < expected.size();
    std::printf("%-9s %-10s largest error %.2e of %.2e, %zu left out  %s\n", level, what, error, size, left_out,
                good ? "ok" : "TOO LARGE");
    return good;
}

}  // namespace

int main() {
    Scene s = random_scene();
    std::vector<double> blend_weights;
    const std::vector<double> blended = define(s, &blend_weights);
    std::vector<double> transposed(kCount * kChannels, 0.0);
    for (int pixel = 0; pixel < kWidth * kHeight; ++pixel)
        for (int i = 0; i < kCount; ++i)
            for (int c = 0; c < kChannels; ++c)
                transposed[i * kChannels + c] += blend_weights[pixel * kCount + i] * s.weights[pixel * kChannels + c];
    std::vector<bool> smooth[4];
    const std::vector<double> expected[4] = {differences(s, s.means, smooth[0]), differences(s, s.quats, smooth[1]),
                                             differences(s, s.scales, smooth[2]),
                                             differences(s, s.opacities, smooth[3])};

    const std::vector<float> means = floats(s.means), quats = floats(s.quats), scales = floats(s.scales);
    const std::vector<float> opacities = floats(s.opacities), features = floats(s.features),
                             weights = floats(s.weights);
    const splatseg::Gaussians gaussians{means.data(), quats.data(), scales.data(), opacities.data(), nullptr, kCount};
    bool good = true;
    for (const std::string& level : splatseg::simd_levels()) {
        splatseg::use_simd_level(level);
        const splatseg::Kernels& kernels = splatseg::kernels();
        splatseg::Plan plan;
        plan.camera = s.camera;
        plan.cutoffs = kCutoffs;
        std::vector<int32_t> radii(kCount);
        splatseg::prepare(kernels, gaussians, plan, radii.data(), 2);
        std::vector<float> image(blended.size()), alphas(kWidth * kHeight), sums(kCount * kChannels);
        kernels.blend(plan, features.data(), kChannels, image.data(), alphas.data(), 2);
        kernels.accumulate(plan, weights.data(), kChannels, sums.data(), 2);
        std::vector<float> grad_features(kCount * kChannels), found[4], grad_means2d(2 * kCount);
        for (int k = 0; k < 4; ++k) found[k].resize(expected[k].size());
        const std::vector<float> grad_alphas(kWidth * kHeight, 0.0f);
        kernels.backward(plan, gaussians,
                         {features.data(), kChannels, image.data(), alphas.data(), weights.data(), grad_alphas.data()},
                         grad_features.data(),
                         {found[0].data(), found[1].data(), found[2].data(), found[3].data(), grad_means2d.data()}, {},
                         2);
        const char* name = level.c_str();
        good &= check(name, "forward", image, blended, 1e-5);
        good &= check(name, "transpose", sums, transposed, 1e-5);
        good &= check(name, "features", grad_features, transposed, 1e-5);
        const char* names[4] = {"means", "quats", "scales", "opacities"};
        for (int k = 0; k < 4; ++k) good &= check(name, names[k], found[k], expected[k], 1e-5, smooth[k]);
    }
    return good ? 0 : 1;
}
