// Votes: of one view from its label maps, and passes over those of all views.
#include "votes/votes.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "bindings/matrices.h"
#include "raster/raster.h"
#include "simd/dispatch.h"
#include "votes/rows.h"
#include "votes/tallies.h"

namespace splatseg::bindings {
namespace {

// Of one view; totals (N,) are written.
LabelMaps maps_of(const Plan& plan, Array<const int32_t, 3> label_maps, int64_t count, Out<1> totals) {
    const int64_t layers = size(label_maps, 0);
    require(has_shape(label_maps, layers, plan.camera.height, plan.camera.width),
            "label_maps must have the height and width of the plan's camera");
    require(layers <= kMostLayers, "there must be at most 65536 layers");
    require(has_shape(totals, plan.count), "totals must have shape (N,)");
    require(count >= 0 && count < INT32_MAX, "count must be in 0..2^31 - 2");
    require_apart({totals}, {label_maps});
    return {label_maps.data(), layers, count};
}

std::shared_ptr<SparseMatrix> vote(const Plan& plan, Array<const int32_t, 3> label_maps, int64_t count, Out<1> totals,
                                   int threads) {
    const LabelMaps maps = maps_of(plan, label_maps, count, totals);
    return run(threads, [&] {
        return std::make_shared<SparseMatrix>(splatseg::vote(kernels(), plan, maps, totals.data(), threads));
    });
}

std::shared_ptr<KeptVotes> vote_above(const Plan& plan, Array<const int32_t, 3> label_maps, int64_t count, float share,
                                      float least, int ignored, Out<1> totals, int threads) {
    const LabelMaps maps = maps_of(plan, label_maps, count, totals);
    require(!std::isnan(share) && !std::isnan(least), "share and least must be numbers");
    require(ignored >= 0 && ignored <= count, "ignored must be in 0..count");
    return run(threads, [&] {
        return std::make_shared<KeptVotes>(
            splatseg::vote_above(kernels(), plan, maps, {share, least, ignored}, totals.data(), threads));
    });
}

void write_entries(const KeptVotes& votes, Array<int32_t, 1> rows, Array<int32_t, 1> columns, Out<1> weights,
                   int threads) {
    require(has_shape(rows, votes.entries) && has_shape(columns, votes.entries) && has_shape(weights, votes.entries),
            "rows, columns and weights must have shape (entries,)");
    require_apart({rows, columns, weights}, {});
    run(threads, [&] { splatseg::write_entries(votes, rows.data(), columns.data(), weights.data(), threads); });
}

using MaskViewsIn = std::tuple<Array<const int32_t, 1>, Array<const int32_t, 1>, int, int>;

struct NumberedViews {
    MaskViews of;
    std::vector<int32_t> layers;  // what of.layer_of points to, if not to the caller's array

    NumberedViews(const SparseMatrix& votes, const MaskViewsIn& masks) {
        const auto& [view_of, layer_of, views, layer_count] = masks;
        require_checked(votes);
        require(votes.ascending, "the columns of every row of votes must ascend");
        require(has_shape(view_of, votes.width) && has_shape(layer_of, votes.width),
                "view_of and layer_of must have shape (M,)");
        const int32_t *view = view_of.data(), *layer = layer_of.data();
        require(views >= 0 && layer_count >= 0, "the numbers of views and layers must not be below 0");
        for (int64_t m = 0; m < votes.width; ++m)
            require(view[m] >= 0 && view[m] < views && layer[m] >= 0 && layer[m] < layer_count,
                    "view_of and layer_of must be below the numbers of views and layers");
        require(std::is_sorted(view, view + votes.width), "view_of must ascend");
        of = {view, layer, views, layer_count};
        if (layer_count > votes.width) number_layers(votes.width);
    }

private:
    // Numbers anew, without gaps, the layers of fewer masks than there are said to be layers: every thread takes memory
    // for all of them.
    void number_layers(int64_t masks) {
        std::vector<int32_t> found(of.layer_of, of.layer_of + masks);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        for (int64_t m = 0; m < masks; ++m)
            layers.push_back(
                static_cast<int32_t>(std::lower_bound(found.begin(), found.end(), of.layer_of[m]) - found.begin()));
        of.layer_of = layers.data();
        of.layers = static_cast<int32_t>(found.size());
    }
};

void tallies(const SparseMatrix& votes, const MaskViewsIn& masks, Array<const int32_t, 1> groups, OpenTallies& open,
             int threads) {
    const NumberedViews numbered(votes, masks);
    const MaskViews& views = numbered.of;
    const int64_t count = static_cast<int64_t>(open.members.size());
    require(has_shape(groups, votes.height), "groups must have shape (N,)");
    for (int64_t i = 0; i < votes.height; ++i) require(groups.data()[i] < count, "groups must be below K");
    require(open.masks == votes.width && open.views == views.views, "the tallies are those of other masks");
    run(threads, [&] { splatseg::tallies(votes, views, groups.data(), open, threads); });
}

void write_tallies(OpenTallies& open, Array<int64_t, 1> first, Array<int32_t, 1> numbers, Out<1> sums) {
    const int64_t entries = splatseg::close_tallies(open);
    require(has_shape(first, static_cast<int64_t>(open.members.size()) + 1), "first must have shape (K+1,)");
    require(has_shape(numbers, entries) && has_shape(sums, entries), "numbers and sums must have shape (entries,)");
    require_apart({first, numbers, sums}, {});
    splatseg::write_tallies(open, first.data(), numbers.data(), sums.data());
}

using SparseVectorIn = std::tuple<Array<const int32_t, 1>, Floats<1>>;

SparseVector vector_of(const SparseVectorIn& in) {
    const auto& [numbers, sums] = in;
    require(has_shape(sums, size(numbers, 0)), "numbers and sums must be as many");
    return {numbers.data(), sums.data(), size(numbers, 0)};
}

int64_t add_sparse_vectors(const SparseVectorIn& one, const SparseVectorIn& other, Array<int32_t, 1> numbers,
                           Out<1> sums) {
    const SparseVector left = vector_of(one), right = vector_of(other);
    const int64_t room = left.count + right.count;
    require(has_shape(numbers, room) && has_shape(sums, room), "numbers and sums must have room for both");
    require_apart({numbers, sums}, {std::get<0>(one), std::get<1>(one), std::get<0>(other), std::get<1>(other)});
    return splatseg::add_sparse_vectors(left, right, numbers.data(), sums.data());
}

using OfMasksIn = std::tuple<Array<const int32_t, 1>, Floats<1>, int>;  // view_of, total, V

// The tallies of sets, whose masks and views there must be.
OfMasks of_masks(const OfMasksIn& in, std::initializer_list<SparseVector> tallies) {
    const auto& [view_of, total, views] = in;
    const int64_t masks = size(view_of, 0);
    require(has_shape(total, masks), "view_of and total must have shape (M,)");
    require(0 <= views && views <= masks && masks <= INT32_MAX / 2,
            "there must be as many masks as views, or more, and at most 2^30");
    for (const SparseVector& tally : tallies)
        for (int64_t i = 0; i < tally.count; ++i) {
            const int32_t number = tally.numbers[i];
            require(number >= 0 && number < masks + views && (i == 0 || tally.numbers[i - 1] < number),
                    "numbers must ascend below M + V");
            const int32_t view = number < masks ? view_of.data()[number] : 0;
            require(view >= 0 && view < views, "view_of must be below the number of views");
        }
    return {view_of.data(), total.data(), masks};
}

void best_masks(const SparseVectorIn& tally, const OfMasksIn& masks, Array<int32_t, 1> columns, Out<2> values) {
    const SparseVector set = vector_of(tally);
    const OfMasks of = of_masks(masks, {set});
    const int64_t views = std::get<2>(masks);
    require(has_shape(columns, views) && has_shape(values, 2, views), "columns must have shape (V,), values (2, V)");
    require_apart({columns, values}, {std::get<0>(tally), std::get<1>(tally), std::get<0>(masks), std::get<1>(masks)});
    splatseg::best_masks(set, of, {columns.data(), values.data(), values.data() + views});
}

void explained_by_union(const SparseVectorIn& one, const SparseVectorIn& other, const OfMasksIn& masks, Out<2> values) {
    const SparseVector left = vector_of(one), right = vector_of(other);
    const OfMasks of = of_masks(masks, {left, right});
    const int64_t views = std::get<2>(masks);
    require(has_shape(values, 3, views), "values must have shape (3, V)");
    require_apart({values}, {std::get<0>(one), std::get<1>(one), std::get<0>(other), std::get<1>(other),
                             std::get<0>(masks), std::get<1>(masks)});
    float* const out = values.data();
    splatseg::explained_by_union(left, right, of, out, out + views, out + 2 * views);
}

void weighted_rows(const SparseMatrix& votes, Floats<1> weight, Out<1> out, int threads) {
    require_checked(votes);
    require(has_shape(weight, votes.width) && has_shape(out, votes.height), "weight must have shape (M,), out (N,)");
    require_apart({out}, {weight, columns_of(votes), weights_of(votes)});
    run(threads, [&] { splatseg::weighted_rows(votes, weight.data(), out.data(), threads); });
}

void under_masks(const SparseMatrix& votes, const MaskViewsIn& masks, Out<1> seen, int threads) {
    const NumberedViews numbered(votes, masks);
    require(has_shape(seen, votes.height), "seen must have shape (N,)");
    require_apart({seen}, {std::get<0>(masks), std::get<1>(masks), columns_of(votes), weights_of(votes)});
    run(threads, [&] { splatseg::under_masks(votes, numbered.of, seen.data(), threads); });
}

void follow_majority(const SparseMatrix& votes, Floats<1> says, Array<const uint8_t, 1> members, Array<uint8_t, 1> out,
                     int threads) {
    require_checked(votes);
    require(has_shape(says, votes.width), "says must have shape (M,)");
    require(has_shape(members, votes.height) && has_shape(out, votes.height), "members and out must have shape (N,)");
    require_apart({out}, {says, members, columns_of(votes), weights_of(votes)});
    run(threads, [&] { splatseg::follow_majority(votes, says.data(), members.data(), out.data(), threads); });
}

void follow_matches(const SparseMatrix& votes, const MaskViewsIn& masks, Floats<1> weight, Floats<1> quality,
                    Array<const uint8_t, 1> members, Array<uint8_t, 1> out, int threads) {
    const NumberedViews numbered(votes, masks);
    const MaskViews& views = numbered.of;
    require(has_shape(weight, votes.width) && has_shape(quality, views.views),
            "weight must have shape (M,), quality (V,)");
    require(has_shape(members, votes.height) && has_shape(out, votes.height), "members and out must have shape (N,)");
    require_apart({out}, {std::get<0>(masks), std::get<1>(masks), weight, quality, members, columns_of(votes),
                          weights_of(votes)});
    run(threads, [&] {
        splatseg::follow_matches(votes, views, weight.data(), quality.data(), members.data(), out.data(), threads);
    });
}

using MatchesIn = std::tuple<Array<const int64_t, 1>, Array<const int32_t, 1>, Floats<1>, Floats<2>>;

Matches matches_of(const SparseMatrix& votes, const MaskViews& views, const MatchesIn& matches) {
    const auto& [first_of, segments_of, quality, by_view] = matches;
    const int64_t count = size(by_view, 0), entries = size(segments_of, 0);
    require(has_shape(first_of, votes.width + 1) && has_shape(by_view, count, views.views),
            "first must have shape (M + 1,), by_view (K, V)");
    const int64_t* first = first_of.data();
    const int32_t* segments = segments_of.data();
    require(has_shape(quality, entries), "segments and quality must have shape (entries,)");
    require(are_starts(first, votes.width, entries), "first must ascend from 0 to the number of entries");
    for (int64_t i = 0; i < entries; ++i)
        require(segments[i] >= 0 && segments[i] < count, "segments must be in 0..K - 1");
    // Without any mask there is nothing to sum, and by_view may have any number of empty rows.
    return {first, segments, quality.data(), by_view.data(), votes.width > 0 ? count : 0};
}

void reassigned(const SparseMatrix& votes, const MaskViewsIn& masks, const MatchesIn& matches,
                Array<const int32_t, 1> ids, float evidence, Array<int32_t, 1> out, int threads) {
    const NumberedViews numbered(votes, masks);
    const MaskViews& views = numbered.of;
    const Matches found = matches_of(votes, views, matches);
    const auto& [first, segments, quality, by_view] = matches;
    require(has_shape(ids, votes.height) && has_shape(out, votes.height), "ids and out must have shape (N,)");
    require(std::all_of(ids.data(), ids.data() + votes.height,
                        [&](int32_t id) { return id >= 0 && id < size(std::get<3>(matches), 0); }),
            "ids must be in 0..K - 1");
    require(!std::isnan(evidence), "evidence must be a number");
    require_apart({out}, {std::get<0>(masks), std::get<1>(masks), first, segments, quality, by_view, ids,
                          columns_of(votes), weights_of(votes)});
    run(threads, [&] { splatseg::reassigned(votes, views, found, ids.data(), evidence, out.data(), threads); });
}

void joined_masks(const SparseMatrix& votes, Array<const uint8_t, 1> heavy, float share, Array<int32_t, 1> out,
                  int threads) {
    require_checked(votes);
    require(votes.width <= INT32_MAX, "more than 2 billion columns");
    require(has_shape(heavy, votes.width) && has_shape(out, votes.width), "heavy and out must have shape (M,)");
    require(!std::isnan(share), "share must be a number");
    require(std::all_of(out.data(), out.data() + votes.width, [&](int32_t m) { return m >= 0 && m < votes.width; }),
            "out must be in 0..M - 1");
    require_apart({out}, {heavy, columns_of(votes), weights_of(votes)});
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
    // Of the starts only those in use, or a matrix that is stacked in many blocks would read all of them for each.
    require(starts[0] == 0 && starts[begin] >= 0 && starts[end] <= starts[height] &&
                std::is_sorted(starts + begin, starts + end + 1),
            "indptr must ascend from 0");
    require_apart({columns, weights}, {indptr});
    std::vector<ViewEntries> entries;
    int64_t count = 0;
    for (const auto& [rows, of_columns, of_weights] : views) {
        require(has_shape(of_columns, size(rows, 0)) && has_shape(of_weights, size(rows, 0)),
                "a view's rows, columns and weights must be as many");
        require_apart({columns, weights}, {rows, of_columns, of_weights});
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
    nb::class_<KeptVotes>(m, "KeptVotes").def_prop_ro("entries", [](const KeptVotes& v) { return v.entries; });
    m.def("vote_above", &vote_above, "plan"_a, "label_maps"_a, "count"_a, "share"_a, "least"_a, "ignored"_a, "totals"_a,
          "threads"_a);
    m.def("write_entries", &write_entries, "votes"_a, "rows"_a, "columns"_a, "weights"_a, "threads"_a);
    nb::class_<OpenTallies>(m, "OpenTallies")
        .def("__init__", [](OpenTallies* tallies, int64_t count, int64_t masks, int64_t views) {
            require(count >= 0 && count <= INT32_MAX, "count must be in 0..2^31 - 1");
            require(views >= 0 && views <= masks && masks <= INT32_MAX / 2,
                    "there must be as many masks as views, or more, and at most 2^30");
            new (tallies) OpenTallies(count, masks, views);
        });
    m.def("close_tallies", &splatseg::close_tallies, "tallies"_a);
    m.def("write_tallies", &write_tallies, "tallies"_a, "first"_a, "numbers"_a, "sums"_a);
    m.def("add_sparse_vectors", &add_sparse_vectors, "one"_a, "other"_a, "numbers"_a, "sums"_a);
    m.def("best_masks", &best_masks, "tally"_a, "masks"_a, "columns"_a, "values"_a);
    m.def("explained_by_union", &explained_by_union, "one"_a, "other"_a, "masks"_a, "values"_a);
    m.def("weighted_rows", &weighted_rows, "votes"_a, "weight"_a, "out"_a, "threads"_a);
    m.def("tallies", &tallies, "votes"_a, "masks"_a, "groups"_a, "open"_a, "threads"_a);
    m.def("under_masks", &under_masks, "votes"_a, "masks"_a, "seen"_a, "threads"_a);
    m.def("follow_majority", &follow_majority, "votes"_a, "says"_a, "members"_a, "out"_a, "threads"_a);
    m.def("follow_matches", &follow_matches, "votes"_a, "masks"_a, "weight"_a, "quality"_a, "members"_a, "out"_a,
          "threads"_a);
    m.def("reassigned", &reassigned, "votes"_a, "masks"_a, "matches"_a, "ids"_a, "evidence"_a, "out"_a, "threads"_a);
    m.def("joined_masks", &joined_masks, "votes"_a, "heavy"_a, "share"_a, "out"_a, "threads"_a);
    m.def("stack_views", &stack_views, "views"_a, "begin"_a, "end"_a, "indptr"_a, "columns"_a, "weights"_a,
          "threads"_a);
}

}  // namespace splatseg::bindings
