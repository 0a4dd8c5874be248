// Depth order and tile lists: one stable radix sort of all drawn Gaussians by depth, then a counting sort into tiles.
//
// Both are stable and go through the Gaussians by index, so equal depths stay in the order of their indices and the
// result does not depend on how many threads shared the work.
#include <bit>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "raster/raster.h"
#include "simd/kernels.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int kMostDigitBits = 12;
constexpr int kMaxParts = 64;

struct Collected {
    int64_t count;
    uint32_t nearest, farthest;  // depth bits
};

// The drawn Gaussians of all groups, by index.
Collected collect(const Projection& projection, int64_t count, DepthId* drawn, int threads) {
    const int64_t groups = (count + kGroup - 1) / kGroup;
    Buffer offsets_buffer((groups + 1) * sizeof(uint32_t)), ends_buffer(groups * 2 * sizeof(uint32_t));
    uint32_t *offsets = offsets_buffer.as<uint32_t>(), *ends = ends_buffer.as<uint32_t>();
    offsets[0] = 0;
    for (int64_t g = 0; g < groups; ++g) offsets[g + 1] = offsets[g] + projection.group_count[g];
    parallel_for(groups, threads, [&](int64_t g, int) {
        const DepthId* of_group = projection.drawn + g * kGroup;
        uint32_t nearest = UINT32_MAX, farthest = 0;
        for (uint32_t i = 0; i < projection.group_count[g]; ++i) {
            const DepthId item = of_group[i];
            nearest = item.depth_bits < nearest ? item.depth_bits : nearest;
            farthest = item.depth_bits > farthest ? item.depth_bits : farthest;
            drawn[offsets[g] + i] = item;
        }
        ends[2 * g] = nearest, ends[2 * g + 1] = farthest;
    });
    Collected found{offsets[groups], UINT32_MAX, 0};
    for (int64_t g = 0; g < groups; ++g) {
        found.nearest = ends[2 * g] < found.nearest ? ends[2 * g] : found.nearest;
        found.farthest = ends[2 * g + 1] > found.farthest ? ends[2 * g + 1] : found.farthest;
    }
    return found;
}

int parts_for(int64_t items, int threads) {
    int parts = threads < kMaxParts ? threads : kMaxParts;
    while (parts > 1 && items / parts < 4096) --parts;  // not worth waking a thread
    return parts < 1 ? 1 : parts;
}

// How many items of each kind (a digit, a tile) every part of consecutive items has. Parts count apart, so every part
// knows where to write.
struct Counts {
    uint32_t* of;  // (parts, kinds)
    int parts;
    int64_t kinds;
};

// Calls work(mine, begin, end) for every part [begin, end) of the items, with its counts (kinds,).
template <class F>
void for_each_part(const Counts& counts, int64_t items, int threads, const F& work) {
    parallel_for(counts.parts, threads, [&](int64_t part, int) {
        work(counts.of + part * counts.kinds, items * part / counts.parts, items * (part + 1) / counts.parts);
    });
}

// Turns counts into the places where each part writes its first item of each kind: kind by kind, in each part by part.
// Returns the sum.
uint32_t to_places(const Counts& counts) {
    uint32_t sum = 0;
    for (int64_t kind = 0; kind < counts.kinds; ++kind)
        for (int part = 0; part < counts.parts; ++part)
            sum += std::exchange(counts.of[part * counts.kinds + kind], sum);
    return sum;
}

struct Digit {  // of the depth beyond the nearest
    uint32_t nearest;
    int shift, bits;
    uint32_t of(DepthId item) const { return (item.depth_bits - nearest) >> shift & ((1u << bits) - 1); }
};

// One pass of a stable least-significant-digit radix sort.
void sort_by_digit(const DepthId* in, DepthId* out, int64_t n, const Digit& digit, const Counts& counts, int threads) {
    for_each_part(counts, n, threads, [&](uint32_t* mine, int64_t begin, int64_t end) {
        std::memset(mine, 0, counts.kinds * sizeof(uint32_t));
        for (int64_t i = begin; i < end; ++i) ++mine[digit.of(in[i])];
    });
    to_places(counts);
    for_each_part(counts, n, threads, [&](uint32_t* mine, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[mine[digit.of(in[i])]++] = in[i];
    });
}

// Sorts front to back; `other` is scratch of the same size. Returns whichever of the two holds the result. Depths of
// one picture mostly lie within a few powers of two, so their differences have few digits.
DepthId* sort_by_depth(DepthId* drawn, DepthId* other, const Collected& found, int parts, int threads) {
    if (found.count == 0) return drawn;
    const int width = std::bit_width(found.farthest - found.nearest);
    const int passes = (width + kMostDigitBits - 1) / kMostDigitBits, bits = passes ? (width + passes - 1) / passes : 0;
    const Buffer buffer((static_cast<size_t>(parts) << bits) * sizeof(uint32_t));
    const Counts counts{buffer.as<uint32_t>(), parts, int64_t{1} << bits};
    for (int pass = 0; pass < passes; ++pass) {
        sort_by_digit(drawn, other, found.count, {found.nearest, pass * bits, bits}, counts, threads);
        std::swap(drawn, other);
    }
    return drawn;
}

// Squares of 8x8 tiles, row by row, and a Z-curve inside each.
void order_tiles(Plan& plan) {
    plan.tile_order = Buffer(sizeof(uint32_t) * plan.tiles_x * plan.tiles_y);
    uint32_t* next = plan.tile_order.as<uint32_t>();
    for (int top = 0; top < plan.tiles_y; top += 8)
        for (int left = 0; left < plan.tiles_x; left += 8)
            for (int z = 0; z < 64; ++z) {
                // The even bits of a place on the Z-curve are its column, the odd bits its row.
                const int x = left + ((z & 1) | (z >> 1 & 2) | (z >> 2 & 4));
                const int y = top + ((z >> 1 & 1) | (z >> 2 & 2) | (z >> 3 & 4));
                if (x < plan.tiles_x && y < plan.tiles_y) *next++ = static_cast<uint32_t>(y * plan.tiles_x + x);
            }
}

uint32_t area(TileRect r) { return static_cast<uint32_t>(r.x1 - r.x0) * static_cast<uint32_t>(r.y1 - r.y0); }

// Fills first_touch and returns the number of entries.
uint64_t count_touches(const TileRect* rects, int64_t count, uint32_t* first_touch) {
    uint64_t total = 0;
    for (int64_t id = 0; id < count; ++id) {
        first_touch[id] = static_cast<uint32_t>(total);
        total += area(rects[id]);
    }
    if (total >= UINT32_MAX) throw std::length_error("the scene meets more than 4 billion tiles; render it smaller");
    first_touch[count] = static_cast<uint32_t>(total);
    return total;
}

// Rectangles are read in depth order, that is from anywhere: fetched this many Gaussians ahead.
constexpr int64_t kAhead = 16;

// Counting sort into tiles of the Gaussians in depth order; `in_order` (n,) is scratch.
void fill_tiles(const TileRect* rects, const DepthId* order, TileRect* in_order, int64_t n, int parts, Plan& plan,
                int threads) {
    const int64_t tiles = static_cast<int64_t>(plan.tiles_x) * plan.tiles_y;
    const Buffer buffer(static_cast<size_t>(parts) * tiles * sizeof(uint32_t));
    const Counts counts{buffer.as<uint32_t>(), parts, tiles};
    const uint32_t* first_touch = plan.first_touch.as<uint32_t>();
    uint32_t* tile_ids = plan.tile_ids.as<uint32_t>();
    uint32_t* entry_of_touch = plan.entry_of_touch.as<uint32_t>();
    const auto for_each_tile = [&](TileRect r, auto&& visit) {
        for (int y = r.y0; y < r.y1; ++y)
            for (int x = r.x0; x < r.x1; ++x) visit(y * plan.tiles_x + x);
    };
    for_each_part(counts, n, threads, [&](uint32_t* mine, int64_t begin, int64_t end) {
        std::memset(mine, 0, tiles * sizeof(uint32_t));
        for (int64_t i = begin; i < end; ++i) {
            if (i + kAhead < end) __builtin_prefetch(rects + order[i + kAhead].id);
            in_order[i] = rects[order[i].id];
            for_each_tile(in_order[i], [&](int tile) { ++mine[tile]; });
        }
    });
    uint32_t* tile_start = plan.tile_start.as<uint32_t>();
    tile_start[tiles] = to_places(counts);
    std::memcpy(tile_start, counts.of, tiles * sizeof(uint32_t));  // the first part begins where its tile begins
    for_each_part(counts, n, threads, [&](uint32_t* mine, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            if (i + kAhead < end) __builtin_prefetch(first_touch + order[i + kAhead].id);
            const uint32_t id = order[i].id;
            uint32_t touch = first_touch[id];
            for_each_tile(in_order[i], [&](int tile) {
                const uint32_t entry = mine[tile]++;
                tile_ids[entry] = id;
                entry_of_touch[touch++] = entry;
            });
        }
    });
}

}  // namespace

void bin(const Projection& projection, Plan& plan, int threads) {
    plan.tiles_x = (plan.camera.width + kTile - 1) / kTile;
    plan.tiles_y = (plan.camera.height + kTile - 1) / kTile;
    const int64_t tiles = static_cast<int64_t>(plan.tiles_x) * plan.tiles_y;
    order_tiles(plan);
    const Buffer drawn(plan.count * sizeof(DepthId)), other(plan.count * sizeof(DepthId));
    const Collected found = collect(projection, plan.count, drawn.as<DepthId>(), threads);
    const int64_t n = found.count;
    const int parts = parts_for(n, threads);
    const DepthId* order = sort_by_depth(drawn.as<DepthId>(), other.as<DepthId>(), found, parts, threads);

    plan.drawn = static_cast<uint32_t>(n);
    plan.first_touch = Buffer((plan.count + 1) * sizeof(uint32_t));
    plan.entries = count_touches(projection.rects, plan.count, plan.first_touch.as<uint32_t>());
    plan.tile_start = Buffer((tiles + 1) * sizeof(uint32_t));
    plan.tile_ids = Buffer(plan.entries * sizeof(uint32_t));
    plan.entry_of_touch = Buffer(plan.entries * sizeof(uint32_t));
    const Buffer& unused = order == drawn.as<DepthId>() ? other : drawn;
    static_assert(sizeof(TileRect) == sizeof(DepthId));
    fill_tiles(projection.rects, order, unused.as<TileRect>(), n, parts, plan, threads);
}

void prepare(const Kernels& kernels, const Gaussians& gaussians, Plan& plan, int32_t* radii, int threads) {
    const size_t n = gaussians.count;
    const int64_t groups = (gaussians.count + kGroup - 1) / kGroup;
    const Buffer rects(n * sizeof(TileRect)), drawn(n * sizeof(DepthId)), group_count(groups * sizeof(uint32_t));
    plan.count = gaussians.count;
    plan.splats = Buffer(n * sizeof(Splat2d));
    const Projection projection{plan.splats.as<Splat2d>(), rects.as<TileRect>(), drawn.as<DepthId>(),
                                group_count.as<uint32_t>(), radii};
    const auto start = std::chrono::steady_clock::now();
    parallel_ranges(plan.count, kGroup, threads, [&](int64_t begin, int64_t end, int) {
        kernels.project(gaussians, plan.camera, plan.cutoffs, projection, begin, end);
    });
    const auto projected = std::chrono::steady_clock::now();
    bin(projection, plan, threads);
    const auto binned = std::chrono::steady_clock::now();
    plan.project_ms = std::chrono::duration<double, std::milli>(projected - start).count();
    plan.bin_ms = std::chrono::duration<double, std::milli>(binned - projected).count();
}

}  // namespace splatseg
