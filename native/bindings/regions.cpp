// Regions of images.
#include "regions/merge.h"

#include <algorithm>

#include "bindings/checks.h"
#include "bindings/groups.h"

namespace splatseg::bindings {
namespace {

using Doubles2 = Array<const double, 2>;

// The graph in arrays, checked.
RegionGraph graph_of(Doubles2 regions, Floats<2> histograms, Array<const int64_t, 2> pairs, Doubles2 borders,
                     double pixels) {
    const int64_t count = size(regions, 0), ends = size(pairs, 0);
    require(count >= 1 && has_shape(regions, count, kRegionFields) && has_shape(histograms, count, kBins),
            "regions and histograms must have a row of the right length for every region");
    require(has_shape(pairs, ends, 2) && has_shape(borders, ends, kBorderFields),
            "pairs must have shape (E, 2), borders a row for each");
    const int64_t* end = pairs.data();
    require(std::all_of(end, end + 2 * ends, [&](int64_t i) { return i >= 0 && i < count; }),
            "pairs must hold regions");
    for (int64_t e = 0; e < ends; ++e) require(end[2 * e] != end[2 * e + 1], "a region has no border with itself");
    require(all_finite(regions) && all_finite(histograms) && all_finite(borders),
            "regions, histograms and borders must be finite");
    require(std::isfinite(pixels) && pixels > 0.0, "pixels must be a finite number above 0");
    return {count,
            ends,
            reinterpret_cast<const RegionSums*>(regions.data()),
            histograms.data(),
            end,
            reinterpret_cast<const BorderSums*>(borders.data()),
            pixels};
}

int64_t merge_regions(Doubles2 regions, Floats<2> histograms, Array<const int64_t, 2> pairs, Doubles2 borders,
                      double pixels, Array<const double, 1> weights, double bias, double size_weight, double patience,
                      bool probability, Array<int64_t, 2> merges, Array<double, 1> costs) {
    const RegionGraph graph = graph_of(regions, histograms, pairs, borders, pixels);
    require(has_shape(weights, kCues), "there must be a weight for every cue");
    require(has_shape(merges, graph.count - 1, 2) && has_shape(costs, graph.count - 1),
            "merges and costs must have R - 1 rows");
    require(all_finite(weights) && std::isfinite(bias) && std::isfinite(size_weight) && std::isfinite(patience),
            "weights, bias, size and patience must be finite");
    require_apart({merges, costs}, {regions, histograms, pairs, borders, weights});
    MergeCost cost;
    std::copy_n(weights.data(), kCues, cost.weights);
    cost.bias = bias;
    cost.size = size_weight;
    cost.patience = patience;
    cost.probability = probability;
    return run(1, [&] { return splatseg::merge_regions(graph, cost, merges.data(), costs.data()); });
}

void border_cues(Doubles2 regions, Floats<2> histograms, Array<const int64_t, 2> pairs, Doubles2 borders, double pixels,
                 Array<double, 2> cues) {
    const RegionGraph graph = graph_of(regions, histograms, pairs, borders, pixels);
    require(has_shape(cues, graph.pairs, kCues), "cues must have a row for every pair");
    require_apart({cues}, {regions, histograms, pairs, borders});
    run(1, [&] { splatseg::border_cues(graph, cues.data()); });
}

void off_planes(Doubles2 planes, Array<double, 1> out) {
    require(has_shape(planes, size(planes, 0), 10) && has_shape(out, size(planes, 0)),
            "planes must have shape (R, 10), out (R,)");
    require_apart({out}, {planes});
    run(1, [&] {
        splatseg::off_planes(reinterpret_cast<const double (*)[10]>(planes.data()), size(planes, 0), out.data());
    });
}

}  // namespace

void add_regions(nb::module_& m) {
    using namespace nb::literals;
    m.def("merge_regions", &merge_regions, "regions"_a, "histograms"_a, "pairs"_a, "borders"_a, "pixels"_a, "weights"_a,
          "bias"_a, "size"_a, "patience"_a, "probability"_a, "merges"_a, "costs"_a);
    m.def("off_planes", &off_planes, "planes"_a, "out"_a);
    m.def("border_cues", &border_cues, "regions"_a, "histograms"_a, "pairs"_a, "borders"_a, "pixels"_a, "cues"_a);
}

}  // namespace splatseg::bindings
