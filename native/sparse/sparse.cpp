// What is done to sparse matrices without arithmetic: grouping pixels by tile, keeping rows, writing them out.
#include "sparse/sparse.h"

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "threads/parallel.h"
#include "raster/raster.h"

namespace splatseg {
namespace {

constexpr size_t kPiece = size_t{1} << 17;  // words of a piece of an arena: half a megabyte
constexpr int64_t kRowsAtOnce = 256;

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

Arena::Arena() = default;
Arena::~Arena() = default;
Arena::Arena(Arena&&) noexcept = default;
Arena& Arena::operator=(Arena&&) noexcept = default;

uint32_t* Arena::take(size_t words) {
    if (words > left_) {
        left_ = words > kPiece ? words : kPiece;
        pieces_.emplace_back(sizeof(uint32_t) * left_);
        bytes_ += sizeof(uint32_t) * left_;
        next_ = pieces_.back().as<uint32_t>();
    }
    uint32_t* taken = next_;
    next_ += words;
    left_ -= words;
    return taken;
}

size_t SparseMatrix::bytes() const {
    size_t sum = sizeof(SparseRow) * height;
    for (const Arena& arena : arenas) sum += arena.bytes();
    return sum;
}

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

SparseMatrix borrowed_csr(const int64_t* indptr, const int32_t* columns, const float* weights, int64_t height,
                          int64_t width, int threads) {
    SparseMatrix matrix;
    matrix.height = height;
    matrix.width = width;
    matrix.rows = Buffer(sizeof(SparseRow) * height);
    std::atomic<bool> bad{indptr[0] != 0};
    const uint32_t* found = reinterpret_cast<const uint32_t*>(columns);
    parallel_for((height + kRowsAtOnce - 1) / kRowsAtOnce, threads, [&](int64_t chunk, int) {
        const int64_t begin = chunk * kRowsAtOnce, end = begin + kRowsAtOnce < height ? begin + kRowsAtOnce : height;
        for (int64_t row = begin; row < end; ++row) {
            const int64_t count = indptr[row + 1] - indptr[row];
            if (count < 0 || count > UINT32_MAX || indptr[row] < 0 || indptr[row + 1] > indptr[height]) {
                bad = true;
                return;
            }
            for (int64_t j = indptr[row]; j < indptr[row + 1]; ++j)
                if (found[j] >= static_cast<uint64_t>(width)) bad = true;
            matrix.rows.as<SparseRow>()[row] = {found + indptr[row], weights + indptr[row],
                                                static_cast<uint32_t>(count), static_cast<uint32_t>(row)};
        }
    });
    if (bad) throw std::invalid_argument("not a CSR matrix of this shape");
    matrix.entries = static_cast<uint64_t>(indptr[height]);
    return matrix;
}

void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads) {
    const SparseRow* rows = matrix.rows.as<SparseRow>();
    std::memset(indptr, 0, sizeof(int64_t) * (matrix.height + 1));
    for (int64_t r = 0; r < matrix.height; ++r) indptr[rows[r].row + 1] = rows[r].count;
    for (int64_t row = 0; row < matrix.height; ++row) indptr[row + 1] += indptr[row];
    parallel_for((matrix.height + kRowsAtOnce - 1) / kRowsAtOnce, threads, [&](int64_t chunk, int) {
        const int64_t begin = chunk * kRowsAtOnce;
        const int64_t end = begin + kRowsAtOnce < matrix.height ? begin + kRowsAtOnce : matrix.height;
        for (int64_t r = begin; r < end; ++r) {
            std::memcpy(columns + indptr[rows[r].row], rows[r].columns, sizeof(int32_t) * rows[r].count);
            std::memcpy(weights + indptr[rows[r].row], rows[r].weights, sizeof(float) * rows[r].count);
        }
    });
}

}  // namespace splatseg
