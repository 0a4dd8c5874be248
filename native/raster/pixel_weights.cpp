// The weights of all Gaussians at sampled pixels, as sparse rows front to back, with no limit to their number.
//
// Sampled pixels lie far apart, so the lanes are Gaussians: the alphas of 16 at a time are tested at one pixel, and the
// few that count are gathered until there are enough for the exponentials. The expressions are those of tile.h, in the
// same order, so that a pixel has the same weights, to the bit, as in a picture.
//
// Alphabet: as in tile.h; x, y of a pixel's centre from the tile's centre.
#include "raster/pixels.h"
#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int kRun = 2 * kLanes;  // Gaussians whose exponentials are taken at once
constexpr int kAhead = 4;         // batches whose records are fetched before they are loaded

struct Batch {  // 16 Gaussians of a tile list, as in Chunk
    alignas(64) float ux[kLanes], uy[kLanes], u0[kLanes], vy[kLanes], v0[kLanes], log2_opacity[kLanes];
};

// Memory of one worker, for the longest tile list.
struct PixelScratch {
    Batch* batches;
    uint32_t* ids;
    float* weights;
};

struct TileList {
    const Plan& plan;
    TileGeometry geometry;
    Limits limits;
    const uint32_t* ids;
    int count, batches;
    int loaded;  // batches so far: as far as the deepest pixel has needed them
};

SPLATSEG_INLINE float fnma(float a, float b, float c) {  // c - a b, rounded as the vectors do
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fmaf(-a, b, c);
#else
    return c - a * b;
#endif
}

SPLATSEG_INLINE int batch_size(const TileList& list, int batch) {
    return list.count - batch * kLanes < kLanes ? list.count - batch * kLanes : kLanes;
}

SPLATSEG_NOINLINE void load_batch(TileList& list, Batch& batch) {
    const Splat2d* splats = list.plan.splats.as<Splat2d>();
    const int ahead = list.loaded + kAhead, n = batch_size(list, list.loaded);
    if (ahead < list.batches) prefetch_records(list.plan, list.ids + ahead * kLanes, batch_size(list, ahead));
    const uint32_t* ids = list.ids + list.loaded++ * kLanes;
    const float* records[kLanes];
    for (int i = 0; i < kLanes; ++i) records[i] = reinterpret_cast<const float*>(splats + ids[i < n ? i : n - 1]);
    Vec f[8];
    load_records(records, f);
    const Vec mx = f[0] - broadcast(centre_x(list.geometry)), my = f[1] - broadcast(centre_y(list.geometry));
    const Vec ux = f[2], uy = f[3], vy = f[4];
    store(batch.ux, ux);
    store(batch.uy, uy);
    store(batch.u0, -fma(ux, mx, uy * my));
    store(batch.vy, vy);
    store(batch.v0, -(vy * my));
    // Lanes beyond the list can never count.
    store(batch.log2_opacity, select(mask_from_bits(first_lanes(n)), f[5], broadcast(-1e30f)));
}

// What is known of a pixel's row while it grows.
struct GrowingRow {
    float T;
    uint32_t length;
};

// Blends n <= kRun Gaussians, given by place in the list and p. Returns false when the pixel has stopped.
SPLATSEG_INLINE bool blend_run(const TileList& list, const int32_t* places, const float* p, int n, GrowingRow& row,
                               const PixelScratch& s) {
    Vec powers[kRun / kLanes], raw[kRun / kLanes];
    alignas(64) float alpha[kRun];
    SPLATSEG_UNROLL
    for (int i = 0; i < kRun / kLanes; ++i) powers[i] = load(p + i * kLanes);
    exp2(powers, raw);
    SPLATSEG_UNROLL
    for (int i = 0; i < kRun / kLanes; ++i) store(alpha + i * kLanes, min(raw[i], broadcast(list.limits.alpha_max)));
    float T = row.T;
    uint32_t length = row.length;
    bool going = true;
    for (int i = 0; i < n; ++i) {
        const float after = fnma(alpha[i], T, T);
        if (!(after > list.limits.T_min)) {
            going = false;
            break;
        }
        s.ids[length] = list.ids[places[i]];
        s.weights[length++] = alpha[i] * T;
        T = after;
    }
    row = {T, length};
    return going;
}

// Writes ids and weights of a pixel to the scratch memory; returns how many.
SPLATSEG_NOINLINE uint32_t weigh_pixel(TileList& list, float x, float y, const PixelScratch& s) {
    const Vec at_x = broadcast(x), at_y = broadcast(y), p_min = broadcast(list.limits.p_min);
    int32_t places[kRun + 2 * kLanes] = {};  // appending writes 16 at a time, so up to 16 beyond what counts
    alignas(64) float powers[kRun + 2 * kLanes] = {};
    GrowingRow row{1.0f, 0};
    int pending = 0;
    for (int batch = 0; batch < list.batches; ++batch) {
        if (batch == list.loaded) load_batch(list, s.batches[batch]);
        const Batch& b = s.batches[batch];
        const Vec u = fma(at_x, load(b.ux), fma(at_y, load(b.uy), load(b.u0)));
        const Vec v = fma(at_y, load(b.vy), load(b.v0));
        const Vec p = fnma(v, v, fnma(u, u, load(b.log2_opacity)));
        const uint32_t count = bits(at_least(p, p_min));
        append_values(powers + pending, p, count);
        pending += append_lanes(places + pending, batch * kLanes, count);
        if (pending < kRun) continue;
        if (!blend_run(list, places, powers, kRun, row, s)) return row.length;
        pending -= kRun;  // fewer than 16 stay: they move to the front
        store(powers, load(powers + kRun));
        std::memcpy(places, places + kRun, sizeof(int32_t) * kLanes);
    }
    blend_run(list, places, powers, pending, row, s);
    return row.length;
}

void weigh_tile(const Plan& plan, const PixelGroups& groups, int64_t group, SparseRow* rows, const PixelScratch& s,
                Arena& arena) {
    const uint32_t tile = groups.tiles[group], begin = plan.tile_start.as<uint32_t>()[tile];
    const int count = static_cast<int>(plan.tile_start.as<uint32_t>()[tile + 1] - begin);
    TileList list{plan,
                  tile_geometry(plan, tile),
                  limits_of(plan.cutoffs),
                  plan.tile_ids.as<uint32_t>() + begin,
                  count,
                  (count + kLanes - 1) / kLanes,
                  0};
    prefetch_records(plan, list.ids, count < kAhead * kLanes ? count : kAhead * kLanes);
    for (uint32_t i = groups.first[group]; i < groups.first[group + 1]; ++i) {
        const uint32_t pixel = groups.order[i];
        const float x = static_cast<float>(groups.pixels[2 * pixel] - list.geometry.left - kTile / 2) + 0.5f;
        const float y = static_cast<float>(groups.pixels[2 * pixel + 1] - list.geometry.top - kTile / 2) + 0.5f;
        const uint32_t length = weigh_pixel(list, x, y, s);
        uint32_t* ids = arena.take(2 * length);
        float* weights = reinterpret_cast<float*>(ids + length);
        if (length) {
            std::memcpy(ids, s.ids, sizeof(uint32_t) * length);
            std::memcpy(weights, s.weights, sizeof(float) * length);
        }
        rows[i] = {ids, weights, length, pixel};
    }
}

}  // namespace

void pixel_weights(const Plan& plan, const PixelGroups& groups, SparseRow* rows, Arena* arenas, int threads) {
    const size_t batches = (groups.longest + kLanes - 1) / kLanes;
    const size_t each = batches * (sizeof(Batch) + 2 * sizeof(float) * kLanes);
    const Buffer scratch(each * threads);
    parallel_for(groups.count, threads, [&](int64_t group, int worker) {
        char* mine = scratch.as<char>() + each * worker;
        uint32_t* ids = reinterpret_cast<uint32_t*>(mine + batches * sizeof(Batch));
        const PixelScratch s{reinterpret_cast<Batch*>(mine), ids, reinterpret_cast<float*>(ids + batches * kLanes)};
        weigh_tile(plan, groups, group, rows, s, arenas[worker]);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
