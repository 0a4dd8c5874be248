// The rasteriser: geometry prepared for a camera, and what is blended and summed on it.
#include "raster/raster.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

struct PyCamera {
    Camera camera;
    Cutoffs cutoffs;
};

PyCamera make_camera(Array<const double, 2> viewmat, Array<const double, 2> K, int width, int height,
                     const std::vector<double>& cutoffs) {
    require(has_shape(viewmat, 4, 4), "viewmat must have shape (4, 4)");
    require(has_shape(K, 3, 3), "K must have shape (3, 3)");
    require(are_sides(height, width), "width and height must be in 1..65535");
    require(cutoffs.size() == 6, "cutoffs are near, eps2d, alpha_min, alpha_max, transmittance_min, frustum_margin");
    const double *V = viewmat.data(), *k = K.data();
    PyCamera out;
    for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) out.camera.rotation[3 * i + j] = static_cast<float>(V[4 * i + j]);
        out.camera.translation[i] = static_cast<float>(V[4 * i + 3]);
    }
    out.camera.fx = static_cast<float>(k[0]);
    out.camera.fy = static_cast<float>(k[4]);
    out.camera.cx = static_cast<float>(k[2]);
    out.camera.cy = static_cast<float>(k[5]);
    out.camera.width = width;
    out.camera.height = height;
    const auto f = [&](int i) { return static_cast<float>(cutoffs[i]); };
    out.cutoffs = {f(0), f(1), f(2), f(3), f(4), f(5)};
    const auto finite = [](const auto& numbers) {
        return std::all_of(std::begin(numbers), std::end(numbers), [](auto x) { return std::isfinite(x); });
    };
    require(finite(out.camera.rotation) && finite(out.camera.translation) &&
                finite(std::initializer_list<float>{out.camera.fx, out.camera.fy, out.camera.cx, out.camera.cy}),
            "viewmat and K must be finite");
    require(finite(cutoffs) && finite(std::initializer_list<float>{f(0), f(1), f(2), f(3), f(4), f(5)}),
            "cutoffs must be finite");
    // Depths are sorted by their bits, and the logarithm of alpha_min is taken by its bits.
    require(out.cutoffs.near >= 0.0f && out.cutoffs.alpha_min >= std::numeric_limits<float>::min(),
            "near must not be below 0, and alpha_min be above 0");
    return out;
}

Gaussians gaussians(const Floats<2>& means, const Floats<2>& quats, const Floats<2>& scales, const Floats<1>& opacities,
                    const std::optional<Floats<2>>& offset) {
    const int64_t n = size(means, 0);
    require(has_shape(means, n, 3), "means must have shape (N, 3)");
    require(has_shape(quats, n, 4), "quats must have shape (N, 4)");
    require(has_shape(scales, n, 3), "scales must have shape (N, 3)");
    require(has_shape(opacities, n), "opacities must have shape (N,)");
    require(!offset || has_shape(*offset, n, 2), "means2d_offset must have shape (N, 2)");
    require(n < UINT32_MAX, "more than 4 billion Gaussians");
    return {means.data(), quats.data(), scales.data(), opacities.data(), offset ? offset->data() : nullptr, n};
}

std::shared_ptr<Plan> prepare(Floats<2> means, Floats<2> quats, Floats<2> scales, Floats<1> opacities,
                              std::optional<Floats<2>> offset, const PyCamera& camera, Array<int32_t, 1> radii,
                              int threads) {
    const Gaussians g = gaussians(means, quats, scales, opacities, offset);
    require(has_shape(radii, g.count), "radii must have shape (N,)");
    require_apart({radii}, {means, quats, scales, opacities, offset});
    auto plan = std::make_shared<Plan>();
    plan->camera = camera.camera;
    plan->cutoffs = camera.cutoffs;
    run(threads, [&] { splatseg::prepare(kernels(), g, *plan, radii.data(), threads); });
    return plan;
}

template <class A>
void require_image(const Plan& plan, const A& image) {
    require(has_shape(image, plan.camera.height, plan.camera.width),
            "images must have the height and width of the plan's camera");
}

void blend(const Plan& plan, Floats<2> features, Out<3> blended, Out<2> alphas, int threads) {
    const int64_t channels = size(features, 1);
    require(has_shape(features, plan.count), "features must have a row for every Gaussian");
    require_image(plan, blended);
    require_image(plan, alphas);
    require(size(blended, 2) == channels, "blended must have the channels of features");
    require_channels(channels);
    require_apart({blended, alphas}, {features});
    run(threads, [&] { kernels().blend(plan, features.data(), channels, blended.data(), alphas.data(), threads); });
}

void blend_levels(const Plan& plan, Array<const uint8_t, 1> levels, int count, float share, Array<uint8_t, 2> out,
                  int threads) {
    require(has_shape(levels, plan.count), "levels must have one for every Gaussian");
    require(count >= 0 && count <= 255, "count must be in 0..255");
    require(!std::isnan(share), "share must be a number");
    require_image(plan, out);
    require_apart({out}, {levels});
    uint8_t highest = 0;  // a loop that the compiler makes vectors of
    for (int64_t i = 0; i < plan.count; ++i) highest = std::max(highest, levels.data()[i]);
    require(highest <= count, "levels must be in 0..count");
    run(threads, [&] { kernels().blend_levels(plan, levels.data(), count, share, out.data(), threads); });
}

void label_map(const Plan& plan, Array<const int32_t, 1> labels, int64_t count, Array<int32_t, 2> out, int threads) {
    require(has_shape(labels, plan.count), "labels must have one for every Gaussian");
    require(count >= 0 && count < int64_t{1} << 24, "count must be in 0..16777215");
    require_image(plan, out);
    require_apart({out}, {labels});
    for (int64_t i = 0; i < plan.count; ++i)
        require(labels.data()[i] >= 0 && labels.data()[i] <= count, "labels must be in 0..count");
    run(threads, [&] { kernels().label_map(plan, labels.data(), count, out.data(), threads); });
}

void blend_middle(const Plan& plan, Floats<1> values, Out<2> out, int threads) {
    require(has_shape(values, plan.count), "values must have one for every Gaussian");
    require_image(plan, out);
    require_apart({out}, {values});
    run(threads, [&] { kernels().blend_middle(plan, values.data(), out.data(), threads); });
}

void accumulate(const Plan& plan, Floats<3> values, Out<2> sums, int threads) {
    const int64_t channels = size(values, 2);
    require_image(plan, values);
    require(has_shape(sums, plan.count, channels), "sums must have shape (N, C)");
    require_channels(channels);
    require_apart({sums}, {values});
    run(threads, [&] { kernels().accumulate(plan, values.data(), channels, sums.data(), threads); });
}

using GeometryIn = std::tuple<Floats<2>, Floats<2>, Floats<2>, Floats<1>, std::optional<Floats<2>>>;
using GeometryOut = std::tuple<Out<2>, Out<2>, Out<2>, Out<1>, Out<2>>;
using GrowthIn = std::tuple<Array<const int32_t, 1>, Out<1>, Out<1>>;  // radii, gradient_sum, views

GeometryGradients geometry_gradients(const GeometryOut& grads, int64_t n) {
    const auto& [means, quats, scales, opacities, means2d] = grads;
    require(has_shape(means, n, 3) && has_shape(quats, n, 4) && has_shape(scales, n, 3) && has_shape(opacities, n) &&
                has_shape(means2d, n, 2),
            "gradients must have the shapes of what they are gradients of");
    return {means.data(), quats.data(), scales.data(), opacities.data(), means2d.data()};
}

GrowthStatistics growth_statistics(const std::optional<GrowthIn>& growth, int64_t n) {
    if (!growth) return {};
    const auto& [radii, gradient_sum, views] = *growth;
    require(has_shape(radii, n) && has_shape(gradient_sum, n) && has_shape(views, n),
            "statistics of growth must have shape (N,)");
    return {radii.data(), gradient_sum.data(), views.data()};
}

void backward(const Plan& plan, const GeometryIn& geometry, Floats<2> features, Floats<3> blended, Floats<2> alphas,
              Floats<3> grad_blended, Floats<2> grad_alphas, Out<2> grad_features, const GeometryOut& grads,
              const std::optional<GrowthIn>& growth, int threads) {
    const Gaussians g = std::apply(gaussians, geometry);
    require(g.count == plan.count, "the plan was made from another number of Gaussians");
    const int64_t channels = size(features, 1);
    require(has_shape(features, g.count) && has_shape(grad_features, g.count, channels),
            "features and grad_features must have shape (N, F)");
    require_image(plan, blended);
    require_image(plan, alphas);
    require_image(plan, grad_blended);
    require_image(plan, grad_alphas);
    require(size(blended, 2) == channels && size(grad_blended, 2) == channels,
            "images must have the channels of features");
    require_channels(channels);
    const GeometryGradients out = geometry_gradients(grads, g.count);
    const GrowthStatistics statistics = growth_statistics(growth, g.count);
    const auto& [means, quats, scales, opacities, offset] = geometry;
    const auto& [to_means, to_quats, to_scales, to_opacities, to_offset] = grads;
    const GrowthIn none{}, &grown = growth ? *growth : none;
    require_apart(
        {grad_features, to_means, to_quats, to_scales, to_opacities, to_offset, std::get<1>(grown), std::get<2>(grown)},
        {means, quats, scales, opacities, offset, features, blended, alphas, grad_blended, grad_alphas,
         std::get<0>(grown)});
    const BackwardInput input{features.data(),     channels,          blended.data(), alphas.data(),
                              grad_blended.data(), grad_alphas.data()};
    run(threads, [&] { kernels().backward(plan, g, input, grad_features.data(), out, statistics, threads); });
}

}  // namespace

void add_raster(nb::module_& m) {
    using namespace nb::literals;
    nb::class_<Plan>(m, "Plan")
        .def_prop_ro("count", [](const Plan& p) { return p.count; })
        .def_prop_ro("drawn", [](const Plan& p) { return p.drawn; })
        .def_prop_ro("entries", [](const Plan& p) { return p.entries; })
        .def_prop_ro("project_ms", [](const Plan& p) { return p.project_ms; })
        .def_prop_ro("bin_ms", [](const Plan& p) { return p.bin_ms; });
    nb::class_<PyCamera>(m, "Camera")
        .def(nb::new_(&make_camera), "viewmat"_a, "K"_a, "width"_a, "height"_a, "cutoffs"_a);
    m.def("prepare", &prepare, "means"_a, "quats"_a, "scales"_a, "opacities"_a, "means2d_offset"_a.none(), "camera"_a,
          "radii"_a, "threads"_a);
    m.def("blend", &blend, "plan"_a, "features"_a, "blended"_a, "alphas"_a, "threads"_a);
    m.def("blend_levels", &blend_levels, "plan"_a, "levels"_a, "count"_a, "share"_a, "out"_a, "threads"_a);
    m.def("label_map", &label_map, "plan"_a, "labels"_a, "count"_a, "out"_a, "threads"_a);
    m.def("blend_middle", &blend_middle, "plan"_a, "values"_a, "out"_a, "threads"_a);
    m.def("accumulate", &accumulate, "plan"_a, "values"_a, "sums"_a, "threads"_a);
    m.def("backward", &backward, "plan"_a, "geometry"_a, "features"_a, "blended"_a, "alphas"_a, "grad_blended"_a,
          "grad_alphas"_a, "grad_features"_a, "grads"_a, "growth"_a.none(), "threads"_a);
}

}  // namespace splatseg::bindings
