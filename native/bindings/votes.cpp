// Votes: of one view from its label maps, and passes over those of all views.
#include "votes/votes.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <tuple>
#include <vector>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "raster/raster.h"
#include "simd/dispatch.h"
#include "votes/rows.h"

namespace splatseg::bindings {
namespace {

std::shared_ptr<SparseMatrix> vote(const Plan& plan, Array<const int32_t, 3> label_maps, int64_t count, Out<1> totals,
                                   int threads) {
    const int64_t layers = size(label_maps, 0);
    require(has_shape(label_maps, layers, plan.camera.height, plan.camera.width),
            "label_maps must have the height and width of the plan's camera");
    require(has_shape(totals, plan.count), "totals must have shape (N,)");
    const LabelMaps maps{label_maps.data(), layers, count};
    return run(threads, [&] {
        return std::make_shared<SparseMatrix>(splatseg::vote(kernels(), plan, maps, totals.data(), threads));
    });
}

using MaskViewsIn = std::tuple<Array<const int32_t, 1>, Array<const int32_t, 1>, int, int>;

MaskViews mask_views(const SparseMatrix& votes, const MaskViewsIn& masks) {
    const auto& [view_of, layer_of, views, layers] = masks;
    require(has_shape(view_of, votes.width) && has_shape(layer_of, votes.width),
            "view_of and layer_of must have shape (M,)");
    const int32_t *view = view_of.data(), *layer = layer_of.data();
    for (int64_t m = 0; m < votes.width; ++m)
        require(view[m] >= 0 && view[m] < views && layer[m] >= 0 && layer[m] < layers,
                "view_of and layer_of must be below the numbers of views and layers");
    return {view, layer, views, layers};
}

void tallies(const SparseMatrix& votes, const MaskViewsIn& masks, Array<const int32_t, 1> groups, Out<2> inside,
             Out<2> seen, int threads) {
    const MaskViews views = mask_views(votes, masks);
    const int64_t count = size(inside, 0);
    require(has_shape(groups, votes.height), "groups must have shape (N,)");
    require(has_shape(inside, count, votes.width) && has_shape(seen, count, views.views),
            "inside must have shape (K, M), seen (K, V)");
    for (int64_t i = 0; i < votes.height; ++i) require(groups.data()[i] < count, "groups must be below K");
    run(threads, [&] { splatseg::tallies(votes, views, groups.data(), count, inside.data(), seen.data(), threads); });
}

void shares(const SparseMatrix& votes, const MaskViewsIn& masks, Floats<1> weight, Floats<1> quality, Out<1> inside,
            Out<1> seen, int threads) {
    const MaskViews views = mask_views(votes, masks);
    require(has_shape(weight, votes.width) && has_shape(quality, views.views),
            "weight must have shape (M,), quality (V,)");
    require(has_shape(inside, votes.height) && has_shape(seen, votes.height), "inside and seen must have shape (N,)");
    run(threads,
        [&] { splatseg::shares(votes, views, weight.data(), quality.data(), inside.data(), seen.data(), threads); });
}

using MatchesIn = std::tuple<Array<const int64_t, 1>, Array<const int32_t, 1>, Floats<1>, Floats<2>>;

Matches matches_of(const SparseMatrix& votes, const MaskViews& views, const MatchesIn& matches) {
    const auto& [first_of, segments_of, quality, by_view] = matches;
    const int64_t count = size(by_view, 0), entries = size(segments_of, 0);
    require(has_shape(first_of, votes.width + 1) && has_shape(by_view, count, views.views),
            "first must have shape (M + 1,), by_view (K, V)");
    const int64_t* first = first_of.data();
    const int32_t* segments = segments_of.data();
    require(first[0] == 0 && first[votes.width] == entries && has_shape(quality, entries),
            "segments and quality must have the entries of first");
    for (int64_t m = 0; m < votes.width; ++m) require(first[m] <= first[m + 1], "first must ascend");
    for (int64_t i = 0; i < entries; ++i)
        require(segments[i] >= 0 && segments[i] < count, "segments must be in 0..K - 1");
    return {first, segments, quality.data(), by_view.data(), count};
}

void reassigned(const SparseMatrix& votes, const MaskViewsIn& masks, const MatchesIn& matches,
                Array<const int32_t, 1> ids, float evidence, Array<int32_t, 1> out, int threads) {
    const MaskViews views = mask_views(votes, masks);
    const Matches found = matches_of(votes, views, matches);
    require(has_shape(ids, votes.height) && has_shape(out, votes.height), "ids and out must have shape (N,)");
    run(threads, [&] { splatseg::reassigned(votes, views, found, ids.data(), evidence, out.data(), threads); });
}

void joined_masks(const SparseMatrix& votes, Array<const uint8_t, 1> heavy, float share, Array<int32_t, 1> out,
                  int threads) {
    require(has_shape(heavy, votes.width) && has_shape(out, votes.width), "heavy and out must have shape (M,)");
    run(threads, [&] { splatseg::joined_masks(votes, heavy.data(), share, out.data(), threads); });
}

using ViewEntriesIn = std::tuple<Array<const int32_t, 1>, Array<const int32_t, 1>, Floats<1>>;

void stack_views(const std::vector<ViewEntriesIn>& views, int64_t begin, int64_t end, Array<const int64_t, 1> indptr,
                 Array<int32_t, 1> columns, Out<1> weights, int threads) {
    const int64_t height = size(indptr, 0) - 1;
    const int64_t* starts = indptr.data();
    require(0 <= begin && begin <= end && end <= height, "rows must be in 0..N");
    require(has_shape(columns, starts[height]) && has_shape(weights, starts[height]),
            "columns and weights must have shape (entries,)");
    std::vector<ViewEntries> entries;
    int64_t count = 0;
    for (const auto& [rows, of_columns, of_weights] : views) {
        require(has_shape(of_columns, size(rows, 0)) && has_shape(of_weights, size(rows, 0)),
                "a view's rows, columns and weights must be as many");
        entries.push_back({rows.data(), of_columns.data(), of_weights.data(), size(rows, 0)});
        count += entries.back().count;
    }
    require(count == starts[end] - starts[begin], "the views must have the entries of the rows");
    run(threads, [&] {
        splatseg::stack_views(entries.data(), static_cast<int64_t>(entries.size()), begin, end, starts, columns.data(),
                              weights.data(), threads);
    });
}

}  // namespace

void add_votes(nb::module_& m) {
    using namespace nb::literals;
    m.def("vote", &vote, "plan"_a, "label_maps"_a, "count"_a, "totals"_a, "threads"_a);
    m.def("tallies", &tallies, "votes"_a, "masks"_a, "groups"_a, "inside"_a, "seen"_a, "threads"_a);
    m.def("shares", &shares, "votes"_a, "masks"_a, "weight"_a, "quality"_a, "inside"_a, "seen"_a, "threads"_a);
    m.def("reassigned", &reassigned, "votes"_a, "masks"_a, "matches"_a, "ids"_a, "evidence"_a, "out"_a, "threads"_a);
    m.def("joined_masks", &joined_masks, "votes"_a, "heavy"_a, "share"_a, "out"_a, "threads"_a);
    m.def("stack_views", &stack_views, "views"_a, "begin"_a, "end"_a, "indptr"_a, "columns"_a, "weights"_a,
          "threads"_a);
}

}  // namespace splatseg::bindings
