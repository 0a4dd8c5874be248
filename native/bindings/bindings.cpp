// The only file that knows Python. Arrays come in through DLPack as float32, C-contiguous, on the CPU; shapes that the
// caller (raster/native.py) must have right are checked here once more, since memory depends on them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <tuple>

#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include "image/image.h"
#include "points/neighbours.h"
#include "raster/pixels.h"
#include "raster/raster.h"
#include "simd/dispatch.h"
#include "sparse/sparse.h"
#include "votes/rows.h"
#include "votes/votes.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using splatseg::Plan;

template <class T, int kDims>
using Array = nb::ndarray<T, nb::ndim<kDims>, nb::c_contig, nb::device::cpu>;
template <int kDims>
using Floats = Array<const float, kDims>;
template <int kDims>
using Out = Array<float, kDims>;

void require(bool true_for_good_shapes, const char* what) {
    if (!true_for_good_shapes) throw std::invalid_argument(what);
}

int checked_threads(int threads) {
    require(threads >= 1 && threads <= 1024, "threads must be between 1 and 1024");
    return threads;
}

struct PyCamera {
    splatseg::Camera camera;
    splatseg::Cutoffs cutoffs;
};

PyCamera make_camera(Array<const double, 2> viewmat, Array<const double, 2> K, int width, int height,
                     const std::vector<double>& cutoffs) {
    require(viewmat.shape(0) == 4 && viewmat.shape(1) == 4, "viewmat must have shape (4, 4)");
    require(K.shape(0) == 3 && K.shape(1) == 3, "K must have shape (3, 3)");
    require(width > 0 && height > 0 && width < 65536 && height < 65536, "width and height must be in 1..65535");
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
    return out;
}

splatseg::Gaussians gaussians(const Floats<2>& means, const Floats<2>& quats, const Floats<2>& scales,
                              const Floats<1>& opacities, const std::optional<Floats<2>>& offset) {
    const size_t n = means.shape(0);
    require(means.shape(1) == 3, "means must have shape (N, 3)");
    require(quats.shape(0) == n && quats.shape(1) == 4, "quats must have shape (N, 4)");
    require(scales.shape(0) == n && scales.shape(1) == 3, "scales must have shape (N, 3)");
    require(opacities.shape(0) == n, "opacities must have shape (N,)");
    require(!offset || (offset->shape(0) == n && offset->shape(1) == 2), "means2d_offset must have shape (N, 2)");
    require(n < UINT32_MAX, "more than 4 billion Gaussians");
    return {means.data(),           quats.data(), scales.data(), opacities.data(), offset ? offset->data() : nullptr,
            static_cast<int64_t>(n)};
}

std::shared_ptr<Plan> prepare(Floats<2> means, Floats<2> quats, Floats<2> scales, Floats<1> opacities,
                              std::optional<Floats<2>> offset, const PyCamera& camera, Array<int32_t, 1> radii,
                              int threads) {
    const splatseg::Gaussians g = gaussians(means, quats, scales, opacities, offset);
    require(radii.shape(0) == means.shape(0), "radii must have shape (N,)");
    auto plan = std::make_shared<Plan>();
    plan->camera = camera.camera;
    plan->cutoffs = camera.cutoffs;
    int32_t* radii_data = radii.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::prepare(splatseg::kernels(), g, *plan, radii_data, threads);
    return plan;
}

template <class A>
void require_image(const Plan& plan, const A& image) {
    require(
        static_cast<int>(image.shape(0)) == plan.camera.height && static_cast<int>(image.shape(1)) == plan.camera.width,
        "images must have the height and width of the plan's camera");
}

void blend(const Plan& plan, Floats<2> features, Out<3> blended, Out<2> alphas, int threads) {
    require(static_cast<int64_t>(features.shape(0)) == plan.count, "features must have a row for every Gaussian");
    require_image(plan, blended);
    require_image(plan, alphas);
    require(blended.shape(2) == features.shape(1), "blended must have the channels of features");
    const float* in = features.data();
    float *out = blended.data(), *out_alphas = alphas.data();
    const int64_t channels = static_cast<int64_t>(features.shape(1));
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().blend(plan, in, channels, out, out_alphas, threads);
}

void blend_levels(const Plan& plan, Array<const uint8_t, 1> levels, int count, float share, Array<uint8_t, 2> out,
                  int threads) {
    require(static_cast<int64_t>(levels.shape(0)) == plan.count, "levels must have one for every Gaussian");
    require(count >= 0 && count <= 255, "count must be in 0..255");
    require_image(plan, out);
    const uint8_t* in = levels.data();
    for (int64_t i = 0; i < plan.count; ++i) require(in[i] <= count, "levels must be in 0..count");
    uint8_t* written = out.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().blend_levels(plan, in, count, share, written, threads);
}

void accumulate(const Plan& plan, Floats<3> values, Out<2> sums, int threads) {
    require_image(plan, values);
    require(static_cast<int64_t>(sums.shape(0)) == plan.count && sums.shape(1) == values.shape(2),
            "sums must have shape (N, C)");
    const float* in = values.data();
    float* out = sums.data();
    const int64_t channels = static_cast<int64_t>(values.shape(2));
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().accumulate(plan, in, channels, out, threads);
}

using GeometryIn = std::tuple<Floats<2>, Floats<2>, Floats<2>, Floats<1>, std::optional<Floats<2>>>;
using GeometryOut = std::tuple<Out<2>, Out<2>, Out<2>, Out<1>, Out<2>>;
using GrowthIn = std::tuple<Array<const int32_t, 1>, Out<1>, Out<1>>;  // radii, gradient_sum, views

void backward(const Plan& plan, const GeometryIn& geometry, Floats<2> features, Floats<3> blended, Floats<2> alphas,
              Floats<3> grad_blended, Floats<2> grad_alphas, Out<2> grad_features, const GeometryOut& grads,
              const std::optional<GrowthIn>& growth, int threads) {
    const auto& [means, quats, scales, opacities, offset] = geometry;
    const auto& [d_means, d_quats, d_scales, d_opacities, d_means2d] = grads;
    const splatseg::Gaussians g = gaussians(means, quats, scales, opacities, offset);
    require(g.count == plan.count, "the plan was made from another number of Gaussians");
    const size_t n = means.shape(0), channels = features.shape(1);
    require(features.shape(0) == n && grad_features.shape(0) == n && grad_features.shape(1) == channels,
            "features and grad_features must have shape (N, F)");
    require_image(plan, blended);
    require_image(plan, alphas);
    require_image(plan, grad_blended);
    require_image(plan, grad_alphas);
    require(blended.shape(2) == channels && grad_blended.shape(2) == channels,
            "images must have the channels of features");
    require(d_means.shape(0) == n && d_means.shape(1) == 3 && d_quats.shape(0) == n && d_quats.shape(1) == 4 &&
                d_scales.shape(0) == n && d_scales.shape(1) == 3 && d_opacities.shape(0) == n &&
                d_means2d.shape(0) == n && d_means2d.shape(1) == 2,
            "gradients must have the shapes of what they are gradients of");
    const splatseg::BackwardInput input{features.data(),     static_cast<int64_t>(channels),
                                        blended.data(),      alphas.data(),
                                        grad_blended.data(), grad_alphas.data()};
    const splatseg::GeometryGradients out{d_means.data(), d_quats.data(), d_scales.data(), d_opacities.data(),
                                          d_means2d.data()};
    splatseg::GrowthStatistics statistics;
    if (growth) {
        const auto& [radii, gradient_sum, views] = *growth;
        require(radii.shape(0) == n && gradient_sum.shape(0) == n && views.shape(0) == n,
                "statistics of growth must have shape (N,)");
        statistics = {radii.data(), gradient_sum.data(), views.data()};
    }
    float* out_features = grad_features.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().backward(plan, g, input, out_features, out, statistics, threads);
}

std::shared_ptr<splatseg::SparseMatrix> pixel_weights(const Plan& plan, Array<const int64_t, 2> pixels, int threads) {
    require(pixels.shape(1) == 2, "pixels must have shape (P, 2)");
    const int64_t* in = pixels.data();
    const int64_t count = static_cast<int64_t>(pixels.shape(0));
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    return std::make_shared<splatseg::SparseMatrix>(
        splatseg::pixel_weights(splatseg::kernels(), plan, in, count, threads));
}

void sparse_product(const splatseg::SparseMatrix& matrix, Floats<2> dense, Out<2> out, bool transposed, int threads) {
    const int64_t rows_in = transposed ? matrix.height : matrix.width;
    const int64_t rows_out = transposed ? matrix.width : matrix.height;
    require(static_cast<int64_t>(dense.shape(0)) == rows_in, "dense must have a row for every column");
    require(static_cast<int64_t>(out.shape(0)) == rows_out && out.shape(1) == dense.shape(1),
            "out must have a row for every row, and the channels of dense");
    const float* in = dense.data();
    float* written = out.data();
    const int64_t channels = static_cast<int64_t>(dense.shape(1));
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    const splatseg::Kernels& kernels = splatseg::kernels();
    (transposed ? kernels.sparse_transposed_product : kernels.sparse_product)(matrix, in, channels, written, threads);
}

std::shared_ptr<splatseg::SparseMatrix> vote(const Plan& plan, Array<const int32_t, 3> label_maps, int64_t count,
                                             Out<1> totals, int threads) {
    require(static_cast<int>(label_maps.shape(1)) == plan.camera.height &&
                static_cast<int>(label_maps.shape(2)) == plan.camera.width,
            "label_maps must have the height and width of the plan's camera");
    require(static_cast<int64_t>(totals.shape(0)) == plan.count, "totals must have shape (N,)");
    const splatseg::LabelMaps maps{label_maps.data(), static_cast<int64_t>(label_maps.shape(0)), count};
    float* out = totals.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    return std::make_shared<splatseg::SparseMatrix>(splatseg::vote(splatseg::kernels(), plan, maps, out, threads));
}

void write_csr(const splatseg::SparseMatrix& matrix, Array<int64_t, 1> indptr, Array<int32_t, 1> columns,
               Out<1> weights, int threads) {
    require(static_cast<int64_t>(indptr.shape(0)) == matrix.height + 1, "indptr must have shape (height + 1,)");
    require(columns.shape(0) == matrix.entries && weights.shape(0) == matrix.entries,
            "columns and weights must have shape (entries,)");
    require(matrix.width <= INT32_MAX, "more than 2 billion columns");
    threads = checked_threads(threads);
    int64_t* starts = indptr.data();
    int32_t* out_columns = columns.data();
    float* out_weights = weights.data();
    nb::gil_scoped_release release;
    splatseg::write_csr(matrix, starts, out_columns, out_weights, threads);
}

std::shared_ptr<splatseg::SparseMatrix> csr_matrix(Array<const int64_t, 1> indptr, Array<const int32_t, 1> columns,
                                                   Floats<1> weights, int64_t width, int threads) {
    require(indptr.shape(0) >= 1 && indptr.shape(0) - 1 < UINT32_MAX, "indptr must have shape (height + 1,)");
    const int64_t height = static_cast<int64_t>(indptr.shape(0)) - 1;
    const int64_t* starts = indptr.data();
    require(columns.shape(0) == weights.shape(0) && starts[height] == static_cast<int64_t>(columns.shape(0)),
            "columns and weights must have shape (entries,)");
    require(width >= 0 && width <= INT32_MAX, "width must be in 0..2^31 - 1");
    const int32_t* in_columns = columns.data();
    const float* in_weights = weights.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    return std::make_shared<splatseg::SparseMatrix>(
        splatseg::borrowed_csr(starts, in_columns, in_weights, height, width, threads));
}

void gram_product(const splatseg::SparseMatrix& matrix, Floats<1> scales, Floats<2> dense, Array<double, 2> out,
                  int threads) {
    require(static_cast<int64_t>(scales.shape(0)) == matrix.height, "scales must have shape (height,)");
    require(static_cast<int64_t>(dense.shape(0)) == matrix.width && out.shape(0) == dense.shape(0) &&
                out.shape(1) == dense.shape(1),
            "dense and out must have shape (width, C)");
    const float *in_scales = scales.data(), *in = dense.data();
    double* written = out.data();
    const int64_t channels = static_cast<int64_t>(dense.shape(1));
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().gram_product(matrix, in_scales, in, channels, written, threads);
}

using MaskViewsIn = std::tuple<Array<const int32_t, 1>, Array<const int32_t, 1>, int, int>;

splatseg::MaskViews mask_views(const splatseg::SparseMatrix& votes, const MaskViewsIn& masks) {
    const auto& [view_of, layer_of, views, layers] = masks;
    require(static_cast<int64_t>(view_of.shape(0)) == votes.width && layer_of.shape(0) == view_of.shape(0),
            "view_of and layer_of must have shape (M,)");
    for (size_t m = 0; m < view_of.shape(0); ++m)
        require(view_of.data()[m] >= 0 && view_of.data()[m] < views && layer_of.data()[m] >= 0 &&
                    layer_of.data()[m] < layers,
                "view_of and layer_of must be below the numbers of views and layers");
    return {view_of.data(), layer_of.data(), views, layers};
}

void tallies(const splatseg::SparseMatrix& votes, const MaskViewsIn& masks, Array<const int32_t, 1> groups,
             Out<2> inside, Out<2> seen, int threads) {
    const splatseg::MaskViews views = mask_views(votes, masks);
    require(static_cast<int64_t>(groups.shape(0)) == votes.height, "groups must have shape (N,)");
    require(static_cast<int64_t>(inside.shape(1)) == votes.width && static_cast<int>(seen.shape(1)) == views.views &&
                inside.shape(0) == seen.shape(0),
            "inside must have shape (K, M), seen (K, V)");
    const int64_t count = static_cast<int64_t>(inside.shape(0));
    const int32_t* in = groups.data();
    for (size_t i = 0; i < groups.shape(0); ++i) require(in[i] < count, "groups must be below K");
    float *to_inside = inside.data(), *to_seen = seen.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::tallies(votes, views, in, count, to_inside, to_seen, threads);
}

void shares(const splatseg::SparseMatrix& votes, const MaskViewsIn& masks, Floats<1> weight, Floats<1> quality,
            Out<1> inside, Out<1> seen, int threads) {
    const splatseg::MaskViews views = mask_views(votes, masks);
    require(static_cast<int64_t>(weight.shape(0)) == votes.width && static_cast<int>(quality.shape(0)) == views.views,
            "weight must have shape (M,), quality (V,)");
    require(static_cast<int64_t>(inside.shape(0)) == votes.height && seen.shape(0) == inside.shape(0),
            "inside and seen must have shape (N,)");
    const float *in_weight = weight.data(), *in_quality = quality.data();
    float *to_inside = inside.data(), *to_seen = seen.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::shares(votes, views, in_weight, in_quality, to_inside, to_seen, threads);
}

using MatchesIn = std::tuple<Array<const int64_t, 1>, Array<const int32_t, 1>, Floats<1>, Floats<2>>;

void reassigned(const splatseg::SparseMatrix& votes, const MaskViewsIn& masks, const MatchesIn& matches,
                Array<const int32_t, 1> ids, float evidence, Array<int32_t, 1> out, int threads) {
    const splatseg::MaskViews views = mask_views(votes, masks);
    const auto& [first, segments, quality, by_view] = matches;
    const int64_t count = static_cast<int64_t>(by_view.shape(0)), entries = static_cast<int64_t>(segments.shape(0));
    require(
        static_cast<int64_t>(first.shape(0)) == votes.width + 1 && static_cast<int>(by_view.shape(1)) == views.views,
        "first must have shape (M + 1,), by_view (K, V)");
    require(first.data()[0] == 0 && first.data()[votes.width] == entries &&
                static_cast<int64_t>(quality.shape(0)) == entries,
            "segments and quality must have the entries of first");
    for (int64_t m = 0; m < votes.width; ++m) require(first.data()[m] <= first.data()[m + 1], "first must ascend");
    for (int64_t i = 0; i < entries; ++i)
        require(segments.data()[i] >= 0 && segments.data()[i] < count, "segments must be in 0..K - 1");
    require(static_cast<int64_t>(ids.shape(0)) == votes.height && out.shape(0) == ids.shape(0),
            "ids and out must have shape (N,)");
    const splatseg::Matches found{first.data(), segments.data(), quality.data(), by_view.data(), count};
    const int32_t* in = ids.data();
    int32_t* written = out.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::reassigned(votes, views, found, in, evidence, written, threads);
}

void joined_masks(const splatseg::SparseMatrix& votes, Array<const uint8_t, 1> heavy, float share,
                  Array<int32_t, 1> out, int threads) {
    require(static_cast<int64_t>(heavy.shape(0)) == votes.width && out.shape(0) == heavy.shape(0),
            "heavy and out must have shape (M,)");
    const uint8_t* in = heavy.data();
    int32_t* written = out.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::joined_masks(votes, in, share, written, threads);
}

using ViewEntriesIn = std::tuple<Array<const int32_t, 1>, Array<const int32_t, 1>, Floats<1>>;

void stack_views(const std::vector<ViewEntriesIn>& views, int64_t begin, int64_t end, Array<const int64_t, 1> indptr,
                 Array<int32_t, 1> columns, Out<1> weights, int threads) {
    const int64_t height = static_cast<int64_t>(indptr.shape(0)) - 1;
    require(0 <= begin && begin <= end && end <= height, "rows must be in 0..N");
    require(static_cast<int64_t>(columns.shape(0)) == indptr.data()[height] && weights.shape(0) == columns.shape(0),
            "columns and weights must have shape (entries,)");
    std::vector<splatseg::ViewEntries> entries;
    int64_t count = 0;
    for (const auto& [rows, of_columns, of_weights] : views) {
        require(rows.shape(0) == of_columns.shape(0) && rows.shape(0) == of_weights.shape(0),
                "a view's rows, columns and weights must be as many");
        entries.push_back({rows.data(), of_columns.data(), of_weights.data(), static_cast<int64_t>(rows.shape(0))});
        count += entries.back().count;
    }
    require(count == indptr.data()[end] - indptr.data()[begin], "the views must have the entries of the rows");
    const int64_t* starts = indptr.data();
    int32_t* to_columns = columns.data();
    float* to_weights = weights.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::stack_views(entries.data(), static_cast<int64_t>(entries.size()), begin, end, starts, to_columns,
                          to_weights, threads);
}

void touching(Floats<2> points, Floats<1> reach, int neighbours, float gap, float reach_factor, Array<int32_t, 1> out,
              int threads) {
    const int64_t count = static_cast<int64_t>(points.shape(0));
    require(points.shape(1) == 3 && reach.shape(0) == points.shape(0) && out.shape(0) == points.shape(0),
            "points must have shape (n, 3), reach and out (n,)");
    require(neighbours >= 1 && neighbours <= splatseg::kMostNeighbours && neighbours < count && count <= INT32_MAX,
            "neighbours must be in 1..32 and fewer than the points");
    const float *in = points.data(), *in_reach = reach.data();
    int32_t* written = out.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::touching(splatseg::kernels(), in, in_reach, count, neighbours, gap, reach_factor, written, threads);
}

std::tuple<double, double> photometric(Floats<3> image, Floats<3> target, float ssim_weight,
                                       std::optional<Out<3>> gradient, int threads) {
    const auto same = [&](const auto& other) {
        return other.shape(0) == image.shape(0) && other.shape(1) == image.shape(1) && other.shape(2) == 3;
    };
    require(image.shape(2) == 3 && same(target) && (!gradient || same(*gradient)),
            "images must all have shape (H, W, 3)");
    require(image.shape(0) > 0 && image.shape(1) > 0, "images must not be empty");
    const splatseg::ImagePair pair{image.data(), target.data(), static_cast<int>(image.shape(0)),
                                   static_cast<int>(image.shape(1))};
    float* out = gradient ? gradient->data() : nullptr;
    double l1 = 0.0, ssim = 0.0;
    threads = checked_threads(threads);
    {
        nb::gil_scoped_release release;
        splatseg::kernels().photometric(pair, ssim_weight, out, &l1, &ssim, threads);
    }
    return {l1, ssim};
}

splatseg::Harmonics harmonics(const Floats<2>& means, const std::vector<double>& position, const Floats<2>& sh0,
                              const Floats<3>& shN, int degree) {
    const size_t n = means.shape(0);
    require(means.shape(1) == 3 && sh0.shape(0) == n && sh0.shape(1) == 3, "means and sh0 must have shape (N, 3)");
    require(shN.shape(0) == n && shN.shape(2) == 3, "shN must have shape (N, K, 3)");
    require(degree >= 0 && degree <= 3, "the degree must be in 0..3");
    require((degree + 1) * (degree + 1) - 1 <= static_cast<int>(shN.shape(1)) && shN.shape(1) <= 15,
            "shN must hold the coefficients of the degree, and at most 15");
    require(position.size() == 3, "position must have 3 numbers");
    const auto p = [&](int i) { return static_cast<float>(position[i]); };
    return {means.data(), {p(0), p(1), p(2)},      sh0.data(),
            shN.data(),   static_cast<int64_t>(n), static_cast<int>(shN.shape(1)),
            degree};
}

void colors(Floats<2> means, const std::vector<double>& position, Floats<2> sh0, Floats<3> shN, int degree, Out<2> out,
            int threads) {
    const splatseg::Harmonics h = harmonics(means, position, sh0, shN, degree);
    require(out.shape(0) == means.shape(0) && out.shape(1) == 3, "out must have shape (N, 3)");
    float* data = out.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().colors(h, data, threads);
}

void colors_backward(Floats<2> means, const std::vector<double>& position, Floats<2> sh0, Floats<3> shN, int degree,
                     Floats<2> out, Floats<2> grad, Out<2> grad_sh0, Out<3> grad_shN, int threads) {
    const splatseg::Harmonics h = harmonics(means, position, sh0, shN, degree);
    const size_t n = means.shape(0);
    require(out.shape(0) == n && out.shape(1) == 3 && grad.shape(0) == n && grad.shape(1) == 3,
            "out and grad must have shape (N, 3)");
    require(grad_sh0.shape(0) == n && grad_sh0.shape(1) == 3, "grad_sh0 must have shape (N, 3)");
    require(grad_shN.shape(0) == n && grad_shN.shape(1) == shN.shape(1) && grad_shN.shape(2) == 3,
            "grad_shN must have the shape of shN");
    float *to_sh0 = grad_sh0.data(), *to_shN = grad_shN.data();
    const float *out_data = out.data(), *grad_data = grad.data();
    threads = checked_threads(threads);
    nb::gil_scoped_release release;
    splatseg::kernels().colors_backward(h, out_data, grad_data, to_sh0, to_shN, threads);
}

// A float32 tensor of scratch memory that is used again (memory/buffer.h): a fresh 80 MB from the system costs more in
// page faults than blending into it.
nb::ndarray<nb::pytorch, float, nb::device::cpu, nb::c_contig> empty(const std::vector<size_t>& shape) {
    size_t count = 1;
    for (const size_t size : shape) count *= size;
    auto memory = std::make_unique<splatseg::Buffer>(count * sizeof(float));
    float* data = memory->as<float>();
    nb::capsule owner(memory.get(), [](void* buffer) noexcept { delete static_cast<splatseg::Buffer*>(buffer); });
    memory.release();
    return {data, shape.size(), shape.data(), owner};
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() =
        "The native rasteriser. Its Python face is splatseg.raster.native; the contract is native/raster/raster.h.";
    nb::class_<Plan>(m, "Plan")
        .def_prop_ro("count", [](const Plan& p) { return p.count; })
        .def_prop_ro("drawn", [](const Plan& p) { return p.drawn; })
        .def_prop_ro("entries", [](const Plan& p) { return p.entries; })
        .def_prop_ro("project_ms", [](const Plan& p) { return p.project_ms; })
        .def_prop_ro("bin_ms", [](const Plan& p) { return p.bin_ms; });
    nb::class_<splatseg::SparseMatrix>(m, "SparseMatrix")
        .def_prop_ro("height", [](const splatseg::SparseMatrix& s) { return s.height; })
        .def_prop_ro("width", [](const splatseg::SparseMatrix& s) { return s.width; })
        .def_prop_ro("entries", [](const splatseg::SparseMatrix& s) { return s.entries; })
        .def_prop_ro("bytes", [](const splatseg::SparseMatrix& s) { return s.bytes(); });
    nb::class_<PyCamera>(m, "Camera")
        .def(nb::new_(&make_camera), "viewmat"_a, "K"_a, "width"_a, "height"_a, "cutoffs"_a);
    m.def("prepare", &prepare, "means"_a, "quats"_a, "scales"_a, "opacities"_a, "means2d_offset"_a.none(), "camera"_a,
          "radii"_a, "threads"_a);
    m.def("empty", &empty, "shape"_a);
    m.def("blend", &blend, "plan"_a, "features"_a, "blended"_a, "alphas"_a, "threads"_a);
    m.def("blend_levels", &blend_levels, "plan"_a, "levels"_a, "count"_a, "share"_a, "out"_a, "threads"_a);
    m.def("accumulate", &accumulate, "plan"_a, "values"_a, "sums"_a, "threads"_a);
    m.def("backward", &backward, "plan"_a, "geometry"_a, "features"_a, "blended"_a, "alphas"_a, "grad_blended"_a,
          "grad_alphas"_a, "grad_features"_a, "grads"_a, "growth"_a.none(), "threads"_a);
    m.def("pixel_weights", &pixel_weights, "plan"_a, "pixels"_a, "threads"_a);
    m.def("sparse_product", &sparse_product, "matrix"_a, "dense"_a, "out"_a, "transposed"_a, "threads"_a);
    m.def("vote", &vote, "plan"_a, "label_maps"_a, "count"_a, "totals"_a, "threads"_a);
    m.def("write_csr", &write_csr, "matrix"_a, "indptr"_a, "columns"_a, "weights"_a, "threads"_a);
    m.def("csr_matrix", &csr_matrix, "indptr"_a.noconvert(), "columns"_a.noconvert(), "weights"_a.noconvert(),
          "width"_a, "threads"_a, nb::keep_alive<0, 1>(), nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>());
    m.def("gram_product", &gram_product, "matrix"_a, "scales"_a, "dense"_a, "out"_a, "threads"_a);
    m.def("tallies", &tallies, "votes"_a, "masks"_a, "groups"_a, "inside"_a, "seen"_a, "threads"_a);
    m.def("shares", &shares, "votes"_a, "masks"_a, "weight"_a, "quality"_a, "inside"_a, "seen"_a, "threads"_a);
    m.def("reassigned", &reassigned, "votes"_a, "masks"_a, "matches"_a, "ids"_a, "evidence"_a, "out"_a, "threads"_a);
    m.def("joined_masks", &joined_masks, "votes"_a, "heavy"_a, "share"_a, "out"_a, "threads"_a);
    m.def("stack_views", &stack_views, "views"_a, "begin"_a, "end"_a, "indptr"_a, "columns"_a, "weights"_a,
          "threads"_a);
    m.def("touching", &touching, "points"_a, "reach"_a, "neighbours"_a, "gap"_a, "reach_factor"_a, "out"_a,
          "threads"_a);
    m.def("photometric", &photometric, "image"_a, "target"_a, "ssim_weight"_a, "gradient"_a.none(), "threads"_a);
    m.def("colors", &colors, "means"_a, "position"_a, "sh0"_a, "shN"_a, "degree"_a, "out"_a, "threads"_a);
    m.def("colors_backward", &colors_backward, "means"_a, "position"_a, "sh0"_a, "shN"_a, "degree"_a, "out"_a, "grad"_a,
          "grad_sh0"_a, "grad_shN"_a, "threads"_a);
    m.def(
        "peak_gflops", [](int threads) { return splatseg::kernels().peak_gflops(checked_threads(threads)); },
        "threads"_a);
    m.def("simd_level", [] { return std::string(splatseg::kernels().level); });
    m.def("simd_levels", &splatseg::simd_levels);
    m.def("use_simd_level", &splatseg::use_simd_level, "name"_a);
}
