// Points in space.
#include "points/neighbours.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <tuple>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "points/merge.h"
#include "points/prototypes.h"
#include "points/reach.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

using Tree = std::shared_ptr<PointTree>;

Tree point_tree(Floats<2> points, std::optional<Array<const uint8_t, 1>> use, std::optional<Array<uint8_t, 2>> leaves,
                int threads) {
    const int64_t count = size(points, 0);
    require(has_shape(points, count, 3) && count <= INT32_MAX, "points must have shape (n, 3)");
    require(!use || has_shape(*use, count), "use must have shape (n,)");
    for (int64_t i = 0; i < count; ++i)
        if (!use || use->data()[i])
            for (int axis = 0; axis < 3; ++axis)
                require(std::isfinite(points.data()[3 * i + axis]), "points must be finite");
    Leaf* memory = nullptr;
    if (leaves) {
        require(has_shape(*leaves, (count + kLanes - 1) / kLanes, sizeof(Leaf)) &&
                    reinterpret_cast<uintptr_t>(leaves->data()) % alignof(Leaf) == 0,
                "leaves must have 256 bytes for every 16 points, and lie at a multiple of 4");
        require_apart({*leaves}, {points, use});
        memory = reinterpret_cast<Leaf*>(leaves->data());
    }
    return run(threads, [&] {
        return std::make_shared<PointTree>(
            splatseg::point_tree(points.data(), use ? use->data() : nullptr, count, memory, threads));
    });
}

void nearest_points(const PointTree& tree, Floats<2> points, Array<int32_t, 1> out, int threads) {
    const int64_t count = size(points, 0);
    require(has_shape(points, count, 3) && has_shape(out, count), "points must have shape (q, 3), out (q,)");
    require(tree.count > 0 || count == 0, "there must be a point in the tree");
    require(all_finite(points), "points must be finite");
    require_apart({out}, {points});
    if (count == 0) return;
    run(threads, [&] { kernels().nearest_points(tree, {points.data(), count, out.data()}, threads); });
}

// Neighbours, gap, reach_factor, and how many distances are kept for their median.
using RuleIn = std::tuple<int, float, float, int64_t>;

TouchingRule rule_of(const PointTree& tree, const RuleIn& rule) {
    const auto& [neighbours, gap, reach_factor, kept] = rule;
    require(neighbours >= 1 && neighbours <= kMostNeighbours && neighbours < tree.count,
            "neighbours must be in 1..32 and fewer than the points");
    require(!std::isnan(gap) && !std::isnan(reach_factor), "gap and reach_factor must be numbers");
    return {neighbours, gap, reach_factor, kept};
}

void touching(const PointTree& tree, Floats<1> reach, const RuleIn& rule, Array<int32_t, 1> out, int threads) {
    require(has_shape(reach, tree.numbers) && has_shape(out, tree.numbers), "reach and out must have shape (n,)");
    const TouchingRule touches = rule_of(tree, rule);
    require_apart({out}, {reach});
    run(threads, [&] { splatseg::touching(kernels(), tree, reach.data(), touches, out.data(), threads); });
}

std::vector<std::pair<int32_t, int32_t>> touching_groups(const PointTree& tree, Floats<2> points, Floats<1> reach,
                                                         Array<const int32_t, 1> groups, const RuleIn& rule, int least,
                                                         int threads) {
    require(has_shape(points, tree.numbers, 3) && has_shape(reach, tree.numbers) && has_shape(groups, tree.numbers),
            "points must have shape (n, 3), reach and groups (n,)");
    require(least >= 1 && least <= 1024, "least must be in 1..1024");
    const TouchingRule touches = rule_of(tree, rule);
    return run(threads, [&] {
        return splatseg::touching_groups(kernels(), tree, points.data(), reach.data(), groups.data(), touches, least,
                                         threads);
    });
}

void touching_neighbours(const PointTree& tree, Floats<2> points, Floats<1> reach, float gap, float reach_factor,
                         Array<int32_t, 2> out, int threads) {
    const int64_t count = tree.numbers, neighbours = size(out, 1);
    require(has_shape(points, count, 3) && has_shape(reach, count) && has_shape(out, count) && tree.count == count,
            "points must have shape (n, 3), reach (n,), out (n, k), and all must be in the tree");
    require(neighbours <= kMostNeighbours, "neighbours must be in 1..32 and fewer than the points");
    const TouchingRule touches = rule_of(tree, {static_cast<int>(neighbours), gap, reach_factor, 0});
    require_apart({out}, {points, reach});
    run(threads, [&] {
        splatseg::touching_neighbours(kernels(), tree, points.data(), reach.data(), touches, out.data(), threads);
    });
}

void nearest_prototypes(Floats<2> features, Floats<2> prototypes, Array<const int32_t, 1> guesses,
                        Array<int32_t, 1> out, std::optional<Out<1>> products, int threads) {
    const int64_t count = size(features, 0), channels = size(features, 1), prototype_count = size(prototypes, 0);
    require(has_shape(prototypes, prototype_count, channels) && has_shape(guesses, count) && has_shape(out, count),
            "features must have shape (N, F), prototypes (K, F), guesses and out (N,)");
    require_channels(channels);
    require(count <= INT32_MAX && prototype_count < 1 << 24, "more than 2 billion rows or 16 million prototypes");
    require(prototype_count > 0 || count == 0, "there must be a prototype");
    require(std::all_of(guesses.data(), guesses.data() + count, [&](int32_t guess) { return guess < prototype_count; }),
            "guesses must be below K");
    require(!products || has_shape(*products, count), "products must have shape (N,)");
    require_apart({out, products}, {features, prototypes, guesses});
    if (count == 0) return;
    run(threads, [&] {
        kernels().nearest_prototypes(
            {features.data(), prototypes.data(), guesses.data(), count, prototype_count, channels}, out.data(),
            products ? products->data() : nullptr, threads);
    });
}

// The two conditions below are looked at whole, not up to the first that fails: so the compiler makes vectors of them.
bool are_rows(Array<const int32_t, 1> rows, int64_t count) {
    uint32_t highest = 0;  // of a negative row, too
    for (int64_t k = 0; k < size(rows, 0); ++k) highest = std::max(highest, static_cast<uint32_t>(rows.data()[k]));
    return size(rows, 0) == 0 || (highest <= INT32_MAX && static_cast<int64_t>(highest) < count);
}

// Groups of rows below `count`, none empty.
Groups groups_of(Array<const int32_t, 1> rows, Array<const int64_t, 1> starts, int64_t count) {
    const int64_t groups = size(starts, 0) - 1, parts = size(rows, 0);
    require(groups >= 0 && starts.data()[0] == 0 && starts.data()[groups] == parts,
            "starts must rise from 0 to the number of rows");
    int64_t empty = 0;
    for (int64_t s = 0; s < groups; ++s) empty |= starts.data()[s] >= starts.data()[s + 1];
    require(!empty, "starts must rise, a group must have a row");
    require(are_rows(rows, count), "rows must be in 0..N-1");
    return {rows.data(), starts.data(), groups};
}

using Parts = std::tuple<Floats<2>, Floats<2>, Floats<2>, Floats<1>>;
using MergedParts = std::tuple<Out<2>, Out<2>, Out<2>, Out<1>>;

void merge_gaussians(const Parts& parts, Array<const int32_t, 1> rows, Array<const int64_t, 1> starts, double blur,
                     const MergedParts& out, Out<1> shares, int threads) {
    const auto& [means, quats, scales, opacities] = parts;
    const auto& [to_means, to_quats, to_scales, to_opacities] = out;
    const int64_t count = size(means, 0);
    require(has_shape(means, count, 3) && has_shape(quats, count, 4) && has_shape(scales, count, 3) &&
                has_shape(opacities, count),
            "parts must have shapes (N, 3), (N, 4), (N, 3), (N,)");
    require(std::isfinite(blur) && blur >= 0.0, "blur must be a number of at least 0");
    const Groups groups = groups_of(rows, starts, count);
    require(has_shape(to_means, groups.count, 3) && has_shape(to_quats, groups.count, 4) &&
                has_shape(to_scales, groups.count, 3) && has_shape(to_opacities, groups.count),
            "out must have shapes (S, 3), (S, 4), (S, 3), (S,)");
    require(has_shape(shares, size(rows, 0)), "shares must have shape (K,)");
    require_apart({to_means, to_quats, to_scales, to_opacities, shares},
                  {means, quats, scales, opacities, rows, starts});
    const Gaussians gaussians{means.data(), quats.data(), scales.data(), opacities.data(), nullptr, count};
    run(threads, [&] {
        splatseg::merge_gaussians(gaussians, groups, blur,
                                  {to_means.data(), to_quats.data(), to_scales.data(), to_opacities.data()},
                                  shares.data(), threads);
    });
}

void mean_of_groups(Floats<2> values, Array<const int32_t, 1> rows, Array<const int64_t, 1> starts, Floats<1> shares,
                    Out<2> out, int threads) {
    const int64_t channels = size(values, 1);
    const Groups groups = groups_of(rows, starts, size(values, 0));
    require(has_shape(shares, size(rows, 0)) && has_shape(out, groups.count, channels),
            "shares must have shape (K,), out (S, C)");
    require_channels(channels);
    require_apart({out}, {values, rows, starts, shares});
    run(threads,
        [&] { splatseg::mean_of_groups(values.data(), channels, groups, shares.data(), out.data(), threads); });
}

void flags_of(Array<const uint8_t, 1> flags, Array<const int32_t, 1> rows, Out<1> out, int threads) {
    const int64_t count = size(rows, 0);
    require(has_shape(out, count), "out must have shape (n,)");
    require(are_rows(rows, size(flags, 0)), "rows must be in 0..N-1");
    require_apart({out}, {flags, rows});
    run(threads, [&] { splatseg::flags_of(flags.data(), rows.data(), count, out.data(), threads); });
}

Sum sum_of(const float* row) { return {row[0], row[1], row[2], row[3], row[4]}; }

void reaching(Floats<2> means, Floats<1> reaches, Floats<2> faces, Floats<1> slack, Array<uint8_t, 1> out,
              int threads) {
    const int64_t count = size(means, 0), face_count = size(faces, 0);
    require(has_shape(means, count, 3) && has_shape(reaches, count) && has_shape(out, count),
            "means must have shape (N, 3), reaches and out (N,)");
    require(has_shape(faces, face_count, 5) && has_shape(slack, 5), "faces must have shape (P, 5), slack (5,)");
    require_apart({out}, {means, reaches, faces, slack});
    std::vector<Sum> sums;
    for (int64_t face = 0; face < face_count; ++face) sums.push_back(sum_of(faces.data() + 5 * face));
    const Region region{sums.data(), face_count, sum_of(slack.data())};
    run(threads, [&] { splatseg::reaching({means.data(), reaches.data(), count}, region, out.data(), threads); });
}

}  // namespace

void add_points(nb::module_& m) {
    using namespace nb::literals;
    nb::class_<PointTree>(m, "PointTree").def_prop_ro("count", [](const PointTree& tree) { return tree.count; });
    // The tree lies in the memory of `leaves`, if they are given.
    m.def("point_tree", &point_tree, "points"_a, "use"_a.none(), "leaves"_a.none(), "threads"_a,
          nb::keep_alive<0, 3>());
    m.def("nearest_points", &nearest_points, "tree"_a, "points"_a, "out"_a, "threads"_a);
    m.def("touching", &touching, "tree"_a, "reach"_a, "rule"_a, "out"_a, "threads"_a);
    m.def("touching_groups", &touching_groups, "tree"_a, "points"_a, "reach"_a, "groups"_a, "rule"_a, "least"_a,
          "threads"_a);
    m.def("merge_gaussians", &merge_gaussians, "parts"_a, "rows"_a, "starts"_a, "blur"_a, "out"_a, "shares"_a,
          "threads"_a);
    m.def("mean_of_groups", &mean_of_groups, "values"_a, "rows"_a, "starts"_a, "shares"_a, "out"_a, "threads"_a);
    m.def("flags_of", &flags_of, "flags"_a, "rows"_a, "out"_a, "threads"_a);
    m.def("reaching", &reaching, "means"_a, "reaches"_a, "faces"_a, "slack"_a, "out"_a, "threads"_a);
    m.def("touching_neighbours", &touching_neighbours, "tree"_a, "points"_a, "reach"_a, "gap"_a, "reach_factor"_a,
          "out"_a, "threads"_a);
    m.def("nearest_prototypes", &nearest_prototypes, "features"_a, "prototypes"_a, "guesses"_a, "out"_a,
          "products"_a.none(), "threads"_a);
}

}  // namespace splatseg::bindings
