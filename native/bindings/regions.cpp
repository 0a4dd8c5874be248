// Regions of images.
#include "regions/merge.h"

#include <algorithm>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "regions/joins.h"

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

bool all_below(const int32_t* values, int64_t count, int64_t least, int64_t end) {
    return std::all_of(values, values + count, [&](int32_t value) { return value >= least && value < end; });
}

void add_contacts(Array<const int32_t, 2> places, Array<const float, 3> gaps, Array<const int32_t, 1> region_of,
                  Floats<1> weights, Array<const int32_t, 2> ends, Array<double, 2> sums, Array<double, 1> totals,
                  int threads) {
    const JoinTrees trees{size(places, 0), size(gaps, 1), size(places, 1), places.data(), gaps.data()};
    const int64_t pairs = size(ends, 0), gaussians = size(region_of, 0);
    require(trees.trees >= 1 && trees.regions >= 1 && trees.levels >= 1 && trees.levels <= 31,
            "there must be trees of regions");
    require(has_shape(gaps, trees.trees, trees.levels, trees.regions), "gaps must have levels of every tree");
    require(trees.regions <= int64_t{1} << trees.levels, "gaps must have as many levels as the regions need");
    require(has_shape(weights, gaussians) && has_shape(ends, pairs, 2) && has_shape(sums, pairs, trees.trees) &&
                has_shape(totals, pairs),
            "weights, ends, sums and totals must fit the Gaussians, the pairs and the trees");
    require(all_below(places.data(), trees.trees * trees.regions, 0, trees.regions), "places must be of regions");
    require(all_below(region_of.data(), gaussians, -1, trees.regions), "region_of must hold regions or -1");
    require(all_below(ends.data(), 2 * pairs, 0, gaussians), "ends must hold Gaussians");
    require_apart({sums, totals}, {places, gaps, region_of, weights, ends});
    run(threads, [&] {
        splatseg::add_contacts(trees, region_of.data(), weights.data(), pairs, ends.data(), sums.data(), totals.data(),
                               threads);
    });
}

void add_joins(Array<const int32_t, 2> merges, Floats<1> heights, Array<const int64_t, 1> starts,
               Array<const int32_t, 1> sets, Floats<1> amounts, Array<double, 2> sums) {
    const int64_t regions = size(starts, 0) - 1, count = size(sums, 0);
    require(regions >= 1 && has_shape(merges, regions - 1, 2) && has_shape(heights, regions - 1),
            "merges and heights must have R - 1 rows");
    require(has_shape(sums, count, count), "sums must have shape (K, K)");
    require(are_starts(starts.data(), regions, size(sets, 0)) && has_shape(amounts, size(sets, 0)),
            "starts must ascend from 0 to the number of sets");
    require(all_below(sets.data(), size(sets, 0), 0, count), "sets must be from 0 to K - 1");
    for (int64_t k = 0; k + 1 < regions; ++k)
        require(all_below(merges.data() + 2 * k, 2, 0, regions + k), "a merge must be of earlier nodes");
    require_apart({sums}, {merges, heights, starts, sets, amounts});
    const MergeTree tree{regions, merges.data(), heights.data()};
    const SetsOfRegions of_regions{count, starts.data(), sets.data(), amounts.data()};
    run(1, [&] { splatseg::add_joins(tree, of_regions, sums.data()); });
}

}  // namespace

void add_regions(nb::module_& m) {
    using namespace nb::literals;
    m.def("merge_regions", &merge_regions, "regions"_a, "histograms"_a, "pairs"_a, "borders"_a, "pixels"_a, "weights"_a,
          "bias"_a, "size"_a, "patience"_a, "probability"_a, "merges"_a, "costs"_a);
    m.def("off_planes", &off_planes, "planes"_a, "out"_a);
    m.def("add_contacts", &add_contacts, "places"_a, "gaps"_a, "region_of"_a, "weights"_a, "ends"_a, "sums"_a,
          "totals"_a, "threads"_a);
    m.def("add_joins", &add_joins, "merges"_a, "heights"_a, "starts"_a, "sets"_a, "amounts"_a, "sums"_a);
    m.def("border_cues", &border_cues, "regions"_a, "histograms"_a, "pairs"_a, "borders"_a, "pixels"_a, "cues"_a);
}

}  // namespace splatseg::bindings
