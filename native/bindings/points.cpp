// Points in space.
#include "points/neighbours.h"

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

void touching(Floats<2> points, Floats<1> reach, int neighbours, float gap, float reach_factor, Array<int32_t, 1> out,
              int threads) {
    const int64_t count = size(points, 0);
    require(has_shape(points, count, 3) && has_shape(reach, count) && has_shape(out, count),
            "points must have shape (n, 3), reach and out (n,)");
    require(neighbours >= 1 && neighbours <= kMostNeighbours && neighbours < count && count <= INT32_MAX,
            "neighbours must be in 1..32 and fewer than the points");
    require(all_finite(points), "points must be finite");
    require(!std::isnan(gap) && !std::isnan(reach_factor), "gap and reach_factor must be numbers");
    require_apart({out}, {points, reach});
    run(threads, [&] {
        splatseg::touching(kernels(), points.data(), reach.data(), count, neighbours, gap, reach_factor, out.data(),
                           threads);
    });
}

}  // namespace

void add_points(nb::module_& m) {
    using namespace nb::literals;
    m.def("touching", &touching, "points"_a, "reach"_a, "neighbours"_a, "gap"_a, "reach_factor"_a, "out"_a,
          "threads"_a);
}

}  // namespace splatseg::bindings
