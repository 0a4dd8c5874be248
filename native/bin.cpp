// Depth order and tile lists: one stable radix sort of all drawn Gaussians by depth, then a counting sort into tiles.
//
// Both are stable and go through the Gaussians by index, so equal depths stay in the order of their indices and the
// result does not depend on how many threads shared the work.
#include <cstring>
#include <stdexcept>

#include "parallel.h"
#include "raster.h"

namespace splatseg {
namespace {

constexpr int kDigitBits = 11;
constexpr int kDigits = 1 << kDigitBits;
constexpr int kMaxParts = 64;

struct KeyPlace {
    uint32_t key;    // depth bits
    uint32_t place;  // slot in the projection
};

// The projection's occupied slots, in order of index.
void collect(const Projection& projection, int64_t count, KeyPlace* pairs, int threads) {
    const int64_t groups = (count + kGroup - 1) / kGroup;
    Buffer offsets_buffer((groups + 1) * sizeof(uint32_t));
    uint32_t* offsets = offsets_buffer.as<uint32_t>();
    offsets[0] = 0;
    for (int64_t g = 0; g < groups; ++g) offsets[g + 1] = offsets[g] + projection.group_count[g];
    parallel_for(groups, threads, [&](int64_t g, int) {
        KeyPlace* out = pairs + offsets[g];
        for (uint32_t i = 0; i < projection.group_count[g]; ++i) {
            const uint32_t place = static_cast<uint32_t>(g * kGroup + i);
            out[i] = {projection.depth_bits[place], place};
        }
    });
}

int parts_for(int64_t items, int threads) {
    int parts = threads < kMaxParts ? threads : kMaxParts;
    while (parts > 1 && items / parts < 4096) --parts;  // not worth waking a thread
    return parts < 1 ? 1 : parts;
}

int64_t part_begin(int64_t items, int parts, int64_t part) { return items * part / parts; }

// One pass of a stable least-significant-digit radix sort, cut into parts of consecutive items.
void sort_by_digit(const KeyPlace* in, KeyPlace* out, int64_t n, int shift, uint32_t* counts, int parts, int threads) {
    parallel_for(parts, threads, [&](int64_t part, int) {
        uint32_t* mine = counts + part * kDigits;
        std::memset(mine, 0, kDigits * sizeof(uint32_t));
        const int64_t end = part_begin(n, parts, part + 1);
        for (int64_t i = part_begin(n, parts, part); i < end; ++i) ++mine[in[i].key >> shift & (kDigits - 1)];
    });
    uint32_t sum = 0;
    for (int digit = 0; digit < kDigits; ++digit)
        for (int part = 0; part < parts; ++part) {
            const uint32_t here = counts[part * kDigits + digit];
            counts[part * kDigits + digit] = sum;
            sum += here;
        }
    parallel_for(parts, threads, [&](int64_t part, int) {
        uint32_t* mine = counts + part * kDigits;
        const int64_t end = part_begin(n, parts, part + 1);
        for (int64_t i = part_begin(n, parts, part); i < end; ++i)
            out[mine[in[i].key >> shift & (kDigits - 1)]++] = in[i];
    });
}

// Depth order: fills plan.splats, plan.ids and rects (M,) by rank.
Buffer sort_by_depth(const Projection& projection, Plan& plan, int threads) {
    const int64_t n = plan.drawn;
    const int parts = parts_for(n, threads);
    Buffer pairs_buffer(n * sizeof(KeyPlace)), other_buffer(n * sizeof(KeyPlace));
    Buffer counts(static_cast<size_t>(parts) * kDigits * sizeof(uint32_t));
    KeyPlace *pairs = pairs_buffer.as<KeyPlace>(), *other = other_buffer.as<KeyPlace>();
    collect(projection, plan.count, pairs, threads);
    for (int shift = 0; shift < 32; shift += kDigitBits) {
        sort_by_digit(pairs, other, n, shift, counts.as<uint32_t>(), parts, threads);
        KeyPlace* swapped = pairs;
        pairs = other;
        other = swapped;
    }
    plan.splats = Buffer(n * sizeof(Splat2d));
    plan.ids = Buffer(n * sizeof(uint32_t));
    plan.rank_of_place = Buffer(plan.count * sizeof(uint32_t));
    Buffer rects(n * sizeof(TileRect));
    parallel_for(parts, threads, [&](int64_t part, int) {
        const int64_t end = part_begin(n, parts, part + 1);
        for (int64_t rank = part_begin(n, parts, part); rank < end; ++rank) {
            if (rank + 16 < end) {
                __builtin_prefetch(&projection.splats[pairs[rank + 16].place]);
                __builtin_prefetch(&projection.rects[pairs[rank + 16].place]);
                __builtin_prefetch(&projection.ids[pairs[rank + 16].place]);
            }
            const uint32_t place = pairs[rank].place;
            plan.splats.as<Splat2d>()[rank] = projection.splats[place];
            plan.ids.as<uint32_t>()[rank] = projection.ids[place];
            plan.rank_of_place.as<uint32_t>()[place] = static_cast<uint32_t>(rank);
            rects.as<TileRect>()[rank] = projection.rects[place];
        }
    });
    return rects;
}

// Squares of 8x8 tiles, row by row, and a Z-curve inside each.
void order_tiles(Plan& plan) {
    plan.tile_order = Buffer(sizeof(uint32_t) * plan.tiles_x * plan.tiles_y);
    uint32_t* next = plan.tile_order.as<uint32_t>();
    for (int top = 0; top < plan.tiles_y; top += 8)
        for (int left = 0; left < plan.tiles_x; left += 8)
            for (int z = 0; z < 64; ++z) {
                const int x = left + ((z & 1) | (z >> 1 & 2) | (z >> 2 & 4));
                const int y = top + ((z >> 1 & 1) | (z >> 2 & 2) | (z >> 3 & 4));
                if (x < plan.tiles_x && y < plan.tiles_y) *next++ = static_cast<uint32_t>(y * plan.tiles_x + x);
            }
}

uint32_t area(TileRect r) { return static_cast<uint32_t>(r.x1 - r.x0) * static_cast<uint32_t>(r.y1 - r.y0); }

}  // namespace

void bin(const Projection& projection, Plan& plan, int threads) {
    plan.tiles_x = (plan.camera.width + kTile - 1) / kTile;
    plan.tiles_y = (plan.camera.height + kTile - 1) / kTile;
    const int64_t tiles = static_cast<int64_t>(plan.tiles_x) * plan.tiles_y;
    const int64_t groups = (plan.count + kGroup - 1) / kGroup;
    plan.drawn = 0;
    for (int64_t g = 0; g < groups; ++g) plan.drawn += projection.group_count[g];
    const int64_t n = plan.drawn;
    order_tiles(plan);
    const Buffer rects_buffer = sort_by_depth(projection, plan, threads);
    const TileRect* rects = rects_buffer.as<TileRect>();

    plan.first_touch = Buffer((n + 1) * sizeof(uint32_t));
    uint32_t* first_touch = plan.first_touch.as<uint32_t>();
    uint64_t total = 0;
    for (int64_t rank = 0; rank < n; ++rank) {
        first_touch[rank] = static_cast<uint32_t>(total);
        total += area(rects[rank]);
    }
    if (total >= UINT32_MAX) throw std::length_error("the scene meets more than 4 billion tiles; render it smaller");
    first_touch[n] = static_cast<uint32_t>(total);
    plan.entries = total;

    plan.tile_start = Buffer((tiles + 1) * sizeof(uint32_t));
    plan.tile_ranks = Buffer(total * sizeof(uint32_t));
    plan.entry_of_touch = Buffer(total * sizeof(uint32_t));
    uint32_t* tile_start = plan.tile_start.as<uint32_t>();
    uint32_t* tile_ranks = plan.tile_ranks.as<uint32_t>();
    uint32_t* entry_of_touch = plan.entry_of_touch.as<uint32_t>();

    const int parts = parts_for(n, threads);
    Buffer counts_buffer(static_cast<size_t>(parts) * tiles * sizeof(uint32_t));
    uint32_t* counts = counts_buffer.as<uint32_t>();
    parallel_for(parts, threads, [&](int64_t part, int) {
        uint32_t* mine = counts + part * tiles;
        std::memset(mine, 0, tiles * sizeof(uint32_t));
        const int64_t end = part_begin(n, parts, part + 1);
        for (int64_t rank = part_begin(n, parts, part); rank < end; ++rank)
            for (int y = rects[rank].y0; y < rects[rank].y1; ++y)
                for (int x = rects[rank].x0; x < rects[rank].x1; ++x) ++mine[y * plan.tiles_x + x];
    });
    uint32_t sum = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
        tile_start[tile] = sum;
        for (int part = 0; part < parts; ++part) {
            const uint32_t here = counts[part * tiles + tile];
            counts[part * tiles + tile] = sum;
            sum += here;
        }
    }
    tile_start[tiles] = sum;
    parallel_for(parts, threads, [&](int64_t part, int) {
        uint32_t* mine = counts + part * tiles;
        const int64_t end = part_begin(n, parts, part + 1);
        for (int64_t rank = part_begin(n, parts, part); rank < end; ++rank) {
            uint32_t touch = first_touch[rank];
            for (int y = rects[rank].y0; y < rects[rank].y1; ++y)
                for (int x = rects[rank].x0; x < rects[rank].x1; ++x) {
                    const uint32_t entry = mine[y * plan.tiles_x + x]++;
                    tile_ranks[entry] = static_cast<uint32_t>(rank);
                    entry_of_touch[touch++] = entry;
                }
        }
    });
}

void prepare(const Kernels& kernels, const Gaussians& gaussians, Plan& plan, int32_t* radii, int threads) {
    const size_t n = gaussians.count;
    const int64_t groups = (gaussians.count + kGroup - 1) / kGroup;
    Buffer splats(n * sizeof(Splat2d)), rects(n * sizeof(TileRect)), depth_bits(n * 4), ids(n * 4);
    plan.group_count = Buffer(groups * sizeof(uint32_t));
    const Projection projection{splats.as<Splat2d>(),
                                rects.as<TileRect>(),
                                depth_bits.as<uint32_t>(),
                                ids.as<uint32_t>(),
                                plan.group_count.as<uint32_t>(),
                                radii};
    plan.count = gaussians.count;
    parallel_for(groups, threads, [&](int64_t group, int) {
        const int64_t begin = group * kGroup, end = begin + kGroup < plan.count ? begin + kGroup : plan.count;
        kernels.project(gaussians, plan.camera, plan.cutoffs, projection, begin, end);
    });
    bin(projection, plan, threads);
}

}  // namespace splatseg
