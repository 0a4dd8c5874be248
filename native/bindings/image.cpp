// Colours of Gaussians, and the loss of an image.
#include "image/image.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <tuple>
#include <vector>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

std::tuple<double, double> photometric(Floats<3> image, Floats<3> target, float ssim_weight,
                                       std::optional<Out<3>> gradient, int threads) {
    const int64_t height = size(image, 0), width = size(image, 1);
    require(has_shape(image, height, width, 3) && has_shape(target, height, width, 3) &&
                (!gradient || has_shape(*gradient, height, width, 3)),
            "images must all have shape (H, W, 3)");
    require(are_sides(height, width), "images must have sides in 1..65535");
    require(!std::isnan(ssim_weight), "ssim_weight must be a number");
    if (gradient) require_apart({gradient}, {image, target});
    const ImagePair pair{image.data(), target.data(), static_cast<int>(height), static_cast<int>(width)};
    float* out = gradient ? gradient->data() : nullptr;
    return run(threads, [&] {
        double l1 = 0.0, ssim = 0.0;
        kernels().photometric(pair, ssim_weight, out, &l1, &ssim, threads);
        return std::tuple(l1, ssim);
    });
}

template <class A, class B>
Harmonics harmonics(const Floats<2>& means, const std::vector<double>& position, const A& sh0, const B& shN,
                    int degree) {
    const int64_t n = size(means, 0), stored = size(shN, 1);
    require(has_shape(means, n, 3) && has_shape(sh0, n, 3), "means and sh0 must have shape (N, 3)");
    require(has_shape(shN, n, stored, 3), "shN must have shape (N, K, 3)");
    require(degree >= 0 && degree <= 3, "the degree must be in 0..3");
    require((degree + 1) * (degree + 1) - 1 <= stored && stored <= 15,
            "shN must hold the coefficients of the degree, and at most 15");
    const auto p = [&](int i) { return static_cast<float>(position[i]); };
    require(position.size() == 3 && std::isfinite(p(0)) && std::isfinite(p(1)) && std::isfinite(p(2)),
            "position must have 3 finite numbers");
    return {means.data(), {p(0), p(1), p(2)}, sh0.data(), shN.data(), n, static_cast<int>(stored), degree};
}

void colors(Floats<2> means, const std::vector<double>& position, Floats<2> sh0, Floats<3> shN, int degree, Out<2> out,
            int threads) {
    const Harmonics h = harmonics(means, position, sh0, shN, degree);
    require(has_shape(out, h.count, 3), "out must have shape (N, 3)");
    require_apart({out}, {means, sh0, shN});
    run(threads, [&] { kernels().colors(h, out.data(), threads); });
}

void colors_backward(Floats<2> means, const std::vector<double>& position, Floats<2> sh0, Floats<3> shN, int degree,
                     Floats<2> out, Floats<2> grad, Out<2> grad_sh0, Out<3> grad_shN, int threads) {
    const Harmonics h = harmonics(means, position, sh0, shN, degree);
    require(has_shape(out, h.count, 3) && has_shape(grad, h.count, 3), "out and grad must have shape (N, 3)");
    require(has_shape(grad_sh0, h.count, 3), "grad_sh0 must have shape (N, 3)");
    require(has_shape(grad_shN, h.count, h.stored, 3), "grad_shN must have the shape of shN");
    require_apart({grad_sh0, grad_shN}, {means, sh0, shN, out, grad});
    run(threads,
        [&] { kernels().colors_backward(h, out.data(), grad.data(), grad_sh0.data(), grad_shN.data(), threads); });
}

AdamStep adam_step(const std::vector<double>& numbers) {
    require(numbers.size() == 6, "a step must be (b1, b2, rate, root, eps, t)");
    const auto n = [&](int i) { return static_cast<float>(numbers[i]); };
    for (int i = 0; i < 6; ++i) require(std::isfinite(n(i)), "the numbers of a step must be finite");
    require(n(3) > 0.0f && n(4) > 0.0f, "root and eps must be greater than 0");
    require(numbers[5] >= 0.0 && numbers[5] <= 4294967295.0, "t must be in 0..2^32 - 1");
    const float first_share = static_cast<float>(1.0 - numbers[0]), second_share = static_cast<float>(1.0 - numbers[1]);
    return {first_share, n(1), second_share, n(2), n(3), n(4), static_cast<uint32_t>(numbers[5])};
}

template <int kDims>
Trained trained(const Out<kDims>& value, const Array<float, kDims>& first, const Array<float, kDims>& second) {
    return {value.data(), first.data(), second.data(), nullptr, nullptr};
}

template <int kDims>
Trained trained(const Out<kDims>& value, const Array<int16_t, kDims>& first, const Array<int16_t, kDims>& second) {
    const auto bits = [](const auto& moments) { return reinterpret_cast<uint16_t*>(moments.data()); };
    return {value.data(), nullptr, nullptr, bits(first), bits(second)};
}

template <class M>
void adam(Out<1> value, std::optional<Floats<1>> gradient, Array<M, 1> first, Array<M, 1> second,
          const std::vector<double>& step, int threads) {
    const int64_t count = size(value, 0);
    require(has_shape(first, count) && has_shape(second, count) && (!gradient || has_shape(*gradient, count)),
            "value, gradient and moments must all have shape (N,)");
    require_apart({value, first, second}, {gradient});
    const AdamStep numbers = adam_step(step);
    const float* slope = gradient ? gradient->data() : nullptr;
    const Trained to = trained(value, first, second);
    run(threads, [&] { kernels().adam(numbers, slope, to, count, threads); });
}

template <class M, int kDims>
using Coefficients = std::tuple<Out<kDims>, Array<M, kDims>, Array<M, kDims>>;  // value and two moments

template <class M>
void colors_adam(Floats<2> means, const std::vector<double>& position, int degree, Floats<2> out, Floats<2> grad,
                 const Coefficients<M, 2>& of_sh0, const std::vector<double>& sh0_step,
                 const Coefficients<M, 3>& of_shN, const std::vector<double>& shN_step, int threads) {
    const auto& [sh0, sh0_first, sh0_second] = of_sh0;
    const auto& [shN, shN_first, shN_second] = of_shN;
    const Harmonics h = harmonics(means, position, sh0, shN, degree);
    require(has_shape(out, h.count, 3) && has_shape(grad, h.count, 3), "out and grad must have shape (N, 3)");
    require(has_shape(sh0_first, h.count, 3) && has_shape(sh0_second, h.count, 3) &&
                has_shape(shN_first, h.count, h.stored, 3) && has_shape(shN_second, h.count, h.stored, 3),
            "moments must have the shapes of sh0 and shN");
    require_apart({sh0, sh0_first, sh0_second, shN, shN_first, shN_second}, {means, out, grad});
    const AdamStep first_step = adam_step(sh0_step), second_step = adam_step(shN_step);
    const Trained to_sh0 = trained(sh0, sh0_first, sh0_second), to_shN = trained(shN, shN_first, shN_second);
    run(threads,
        [&] { kernels().colors_adam(h, out.data(), grad.data(), first_step, to_sh0, second_step, to_shN, threads); });
}

}  // namespace

void add_image(nb::module_& m) {
    using namespace nb::literals;
    m.def("photometric", &photometric, "image"_a, "target"_a, "ssim_weight"_a, "gradient"_a.none(), "threads"_a);
    m.def("colors", &colors, "means"_a, "position"_a, "sh0"_a, "shN"_a, "degree"_a, "out"_a, "threads"_a);
    m.def("colors_backward", &colors_backward, "means"_a, "position"_a, "sh0"_a, "shN"_a, "degree"_a, "out"_a, "grad"_a,
          "grad_sh0"_a, "grad_shN"_a, "threads"_a);
    const auto add_adam = [&m](auto moment) {
        using M = decltype(moment);
        m.def("adam", &adam<M>, "value"_a, "gradient"_a.none(), "first"_a, "second"_a, "step"_a, "threads"_a);
        m.def("colors_adam", &colors_adam<M>, "means"_a, "position"_a, "degree"_a, "out"_a, "grad"_a, "of_sh0"_a,
              "sh0_step"_a, "of_shN"_a, "shN_step"_a, "threads"_a);
    };
    add_adam(float{});
    add_adam(int16_t{});
}

}  // namespace splatseg::bindings
