// Pictures through another lens.
#include "image/warp.h"

#include "bindings/checks.h"
#include "bindings/groups.h"

namespace splatseg::bindings {
namespace {

WarpMap warp_map(const Floats<3>& places, int64_t step, int64_t height, int64_t width, int64_t old_height,
                 int64_t old_width) {
    const int64_t rows = size(places, 0), columns = size(places, 1);
    require(has_shape(places, rows, columns, 2), "places must have shape (R, C, 2)");
    require(are_sides(height, width) && are_sides(old_height, old_width), "pictures must have sides in 1..65535");
    require(old_height * old_width < int64_t{1} << 31, "the old picture must have fewer than 2^31 pixels");
    require(step >= 0 && step <= 4096, "the step must be in 0..4096");
    if (step == 0) require(rows == height && columns == width, "places must have a row and column for each pixel");
    require(step == 0 ||
                (rows <= 65537 && columns <= 65537 && (rows - 1) * step >= height && (columns - 1) * step >= width),
            "places must reach over the whole new picture");
    const auto n = [](int64_t value) { return static_cast<int>(value); };
    return {places.data(), n(rows), n(columns), n(step), n(height), n(width), n(old_height), n(old_width)};
}

template <class T>
WarpMap between(const Floats<3>& places, int64_t step, const Array<const T, 3>& old_picture,
                const Array<T, 3>& picture) {
    const WarpMap map =
        warp_map(places, step, size(picture, 0), size(picture, 1), size(old_picture, 0), size(old_picture, 1));
    require(size(picture, 2) == size(old_picture, 2), "the pictures must have as many channels");
    require_channels(size(picture, 2));
    require_apart({picture}, {places, old_picture});
    return map;
}

void bytes(Floats<3> places, int64_t step, Array<const uint8_t, 3> old_picture, Array<uint8_t, 3> picture,
           int threads) {
    const WarpMap map = between(places, step, old_picture, picture);
    const int channels = static_cast<int>(size(picture, 2));
    run(threads, [&] { warp_bytes(map, old_picture.data(), channels, picture.data(), threads); });
}

void floats(Floats<3> places, int64_t step, Floats<3> old_picture, Out<3> picture, int threads) {
    const WarpMap map = between(places, step, old_picture, picture);
    const int channels = static_cast<int>(size(picture, 2));
    run(threads, [&] { warp_floats(map, old_picture.data(), channels, picture.data(), threads); });
}

void cubic(Floats<3> places, int64_t step, Floats<3> old_picture, Out<3> picture, int threads) {
    const WarpMap map = between(places, step, old_picture, picture);
    const int channels = static_cast<int>(size(picture, 2));
    run(threads, [&] { warp_cubic(map, old_picture.data(), channels, picture.data(), threads); });
}

void labels(Floats<3> places, int64_t step, Array<const int32_t, 2> old_labels, int32_t nothing,
            Array<int32_t, 2> found, int threads) {
    const WarpMap map =
        warp_map(places, step, size(found, 0), size(found, 1), size(old_labels, 0), size(old_labels, 1));
    require_apart({found}, {places, old_labels});
    run(threads, [&] { warp_labels(map, old_labels.data(), nothing, found.data(), threads); });
}

void indices(Floats<3> places, int64_t step, int64_t old_height, int64_t old_width, Array<int32_t, 2> found,
             int threads) {
    const WarpMap map = warp_map(places, step, size(found, 0), size(found, 1), old_height, old_width);
    require_apart({found}, {places});
    run(threads, [&] { warp_indices(map, found.data(), threads); });
}

}  // namespace

void add_warp(nb::module_& m) {
    using namespace nb::literals;
    m.def("warp_bytes", &bytes, "places"_a, "step"_a, "old_picture"_a, "picture"_a, "threads"_a);
    m.def("warp_floats", &floats, "places"_a, "step"_a, "old_picture"_a, "picture"_a, "threads"_a);
    m.def("warp_cubic", &cubic, "places"_a, "step"_a, "old_picture"_a, "picture"_a, "threads"_a);
    m.def("warp_labels", &labels, "places"_a, "step"_a, "old_labels"_a, "nothing"_a, "found"_a, "threads"_a);
    m.def("warp_indices", &indices, "places"_a, "step"_a, "old_height"_a, "old_width"_a, "found"_a, "threads"_a);
}

}  // namespace splatseg::bindings
