// Groups sampled pixels by tile, so that the Gaussians of a tile are loaded once for all its pixels.
#include "raster/pixels.h"

#include <stdexcept>
#include <vector>

#include "simd/kernels.h"

namespace splatseg {
namespace {

struct Grouped {
    Buffer order, tiles, first;
    PixelGroups groups;
};

// A counting sort by tile; tiles in the order in which they are drawn.
Grouped group_by_tile(const Plan& plan, const int64_t* pixels, int64_t count) {
    const int64_t tiles = static_cast<int64_t>(plan.tiles_x) * plan.tiles_y;
    const auto tile_of = [&](int64_t pixel) {
        return pixels[2 * pixel + 1] / kTile * plan.tiles_x + pixels[2 * pixel] / kTile;
    };
    std::vector<uint32_t> next(tiles, 0);
    for (int64_t pixel = 0; pixel < count; ++pixel) ++next[tile_of(pixel)];
    Grouped g{
        Buffer(sizeof(uint32_t) * count), Buffer(sizeof(uint32_t) * tiles), Buffer(sizeof(uint32_t) * (tiles + 1)), {}};
    const uint32_t* start = plan.tile_start.as<uint32_t>();
    uint32_t sum = 0;
    int64_t used = 0;
    for (int64_t i = 0; i < tiles; ++i) {
        const uint32_t tile = plan.tile_order.as<uint32_t>()[i], here = next[tile];
        if (!here) continue;
        if (start[tile + 1] - start[tile] > g.groups.longest) g.groups.longest = start[tile + 1] - start[tile];
        g.tiles.as<uint32_t>()[used] = tile;
        g.first.as<uint32_t>()[used++] = sum;
        next[tile] = sum;
        sum += here;
    }
    g.first.as<uint32_t>()[used] = sum;
    for (int64_t pixel = 0; pixel < count; ++pixel)
        g.order.as<uint32_t>()[next[tile_of(pixel)]++] = static_cast<uint32_t>(pixel);
    g.groups = {pixels, g.order.as<uint32_t>(), g.tiles.as<uint32_t>(), g.first.as<uint32_t>(), used, g.groups.longest};
    return g;
}

uint64_t count_entries(const SparseMatrix& matrix) {
    uint64_t entries = 0;
    for (int64_t r = 0; r < matrix.height; ++r) entries += matrix.rows.as<SparseRow>()[r].count;
    return entries;
}

}  // namespace

SparseMatrix pixel_weights(const Kernels& kernels, const Plan& plan, const int64_t* pixels, int64_t count,
                           int threads) {
    if (count >= UINT32_MAX) throw std::length_error("more than 4 billion pixels");
    for (int64_t i = 0; i < count; ++i)
        if (pixels[2 * i] < 0 || pixels[2 * i] >= plan.camera.width || pixels[2 * i + 1] < 0 ||
            pixels[2 * i + 1] >= plan.camera.height)
            throw std::invalid_argument("a pixel lies outside the image");
    const Grouped grouped = group_by_tile(plan, pixels, count);
    SparseMatrix matrix;
    matrix.height = count;
    matrix.width = plan.count;
    matrix.rows = Buffer(sizeof(SparseRow) * count);
    matrix.arenas.resize(threads);
    kernels.pixel_weights(plan, grouped.groups, matrix.rows.as<SparseRow>(), matrix.arenas.data(), threads);
    matrix.entries = count_entries(matrix);
    return matrix;
}

}  // namespace splatseg
