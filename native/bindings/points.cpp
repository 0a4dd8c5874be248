// Points in space.
#include "points/neighbours.h"

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "points/prototypes.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

// What both searches for touching points ask of their input.
void check_touching(Floats<2> points, int64_t neighbours, float gap, float reach_factor) {
    const int64_t count = size(points, 0);
    require(neighbours >= 1 && neighbours <= kMostNeighbours && neighbours < count && count <= INT32_MAX,
            "neighbours must be in 1..32 and fewer than the points");
    require(all_finite(points), "points must be finite");
    require(!std::isnan(gap) && !std::isnan(reach_factor), "gap and reach_factor must be numbers");
}

void touching(Floats<2> points, Floats<1> reach, int neighbours, float gap, float reach_factor, Array<int32_t, 1> out,
              int threads) {
    const int64_t count = size(points, 0);
    require(has_shape(points, count, 3) && has_shape(reach, count) && has_shape(out, count),
            "points must have shape (n, 3), reach and out (n,)");
    check_touching(points, neighbours, gap, reach_factor);
    require_apart({out}, {points, reach});
    run(threads, [&] {
        splatseg::touching(kernels(), points.data(), reach.data(), count, neighbours, gap, reach_factor, out.data(),
                           threads);
    });
}

void touching_neighbours(Floats<2> points, Floats<1> reach, float gap, float reach_factor, Array<int32_t, 2> out,
                         int threads) {
    const int64_t count = size(points, 0), neighbours = size(out, 1);
    require(has_shape(points, count, 3) && has_shape(reach, count) && has_shape(out, count),
            "points must have shape (n, 3), reach (n,), out (n, k)");
    check_touching(points, neighbours, gap, reach_factor);
    require_apart({out}, {points, reach});
    run(threads, [&] {
        splatseg::touching_neighbours(kernels(), points.data(), reach.data(), count, static_cast<int>(neighbours), gap,
                                      reach_factor, out.data(), threads);
    });
}

void nearest_prototypes(Floats<2> features, Floats<2> prototypes, Array<const int32_t, 1> guesses,
                        Array<int32_t, 1> out, int threads) {
    const int64_t count = size(features, 0), channels = size(features, 1), prototype_count = size(prototypes, 0);
    require(has_shape(prototypes, prototype_count, channels) && has_shape(guesses, count) && has_shape(out, count),
            "features must have shape (N, F), prototypes (K, F), guesses and out (N,)");
    require_channels(channels);
    require(count <= INT32_MAX && prototype_count < 1 << 24, "more than 2 billion rows or 16 million prototypes");
    require(prototype_count > 0 || count == 0, "there must be a prototype");
    require(std::all_of(guesses.data(), guesses.data() + count, [&](int32_t guess) { return guess < prototype_count; }),
            "guesses must be below K");
    require_apart({out}, {features, prototypes, guesses});
    if (count == 0) return;
    run(threads, [&] {
        kernels().nearest_prototypes(
            {features.data(), prototypes.data(), guesses.data(), count, prototype_count, channels}, out.data(),
            threads);
    });
}

}  // namespace

void add_points(nb::module_& m) {
    using namespace nb::literals;
    m.def("touching", &touching, "points"_a, "reach"_a, "neighbours"_a, "gap"_a, "reach_factor"_a, "out"_a,
          "threads"_a);
    m.def("touching_neighbours", &touching_neighbours, "points"_a, "reach"_a, "gap"_a, "reach_factor"_a, "out"_a,
          "threads"_a);
    m.def("nearest_prototypes", &nearest_prototypes, "features"_a, "prototypes"_a, "guesses"_a, "out"_a, "threads"_a);
}

}  // namespace splatseg::bindings
