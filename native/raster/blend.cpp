// Forward: blends features of any number of channels, tile by tile.
//
// For a block, first the weights of a run of Gaussians, then weights^T x features as a small dense product whose
// accumulators (16 pixels x a group of channels) stay in registers.
#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kGroupChannels = 24;  // accumulators that fit in the registers beside a weight
#elif defined(__AVX__) || defined(__aarch64__)
constexpr int kGroupChannels = 6;
#else
constexpr int kGroupChannels = 3;
#endif

// accumulators (kCount, 16) += sum over the list of weights (n,16) x features (chunk row of list[i], channels)
template <int kCount>
void product(const float* weights, const float* features, int stride, const int32_t* list, int n, float* accumulators) {
    Vec sum[kCount];
    SPLATSEG_UNROLL
    for (int c = 0; c < kCount; ++c) sum[c] = load(accumulators + c * kLanes);
    for (int i = 0; i < n; ++i) {
        const Vec w = load(weights + i * kLanes);
        const float* f = features + list[i] * stride;
        SPLATSEG_UNROLL
        for (int c = 0; c < kCount; ++c) sum[c] = fma(w, broadcast(f[c]), sum[c]);
    }
    SPLATSEG_UNROLL
    for (int c = 0; c < kCount; ++c) store(accumulators + c * kLanes, sum[c]);
}

using Product = void (*)(const float*, const float*, int, const int32_t*, int, float*);

template <int... kCounts>
Product product_of(int count) {
    Product found = nullptr;
    ((count == kCounts ? void(found = product<kCounts>) : void()), ...);
    return found;
}

Product choose_product(int count) {
#if defined(__AVX512F__)
    return product_of<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24>(count);
#else
    return product_of<1, 2, 3, 4, 5, 6>(count);
#endif
}

// Channels in groups of nearly equal size: 19 at most 6 at a time are 5 + 5 + 5 + 4.
struct Groups {
    int wide_count, wide, narrow;  // the first wide_count groups have `wide` channels, the others `narrow`
    int count;
    Product wide_product, narrow_product;
};

Groups group_channels(int channels) {
    Groups g;
    g.count = (channels + kGroupChannels - 1) / kGroupChannels;
    g.narrow = g.count ? channels / g.count : 0;
    g.wide = g.narrow + 1;
    g.wide_count = channels - g.narrow * g.count;
    g.wide_product = g.wide_count ? choose_product(g.wide) : nullptr;
    g.narrow_product = choose_product(g.narrow);
    return g;
}

struct Scratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];
};

struct Task {
    const Plan& plan;
    FeatureTable features;
    Limits limits;
    Groups groups;
    int stride;  // floats between the feature rows of a chunk
    float* blended;
    float* alphas;
};

SPLATSEG_INLINE void multiply(const Task& task, const Scratch& s, const float* features, int block,
                              float* accumulators) {
    const Groups& groups = task.groups;
    for (int group = 0, first = 0; group < groups.count; ++group) {
        const bool wide = group < groups.wide_count;
        const Product run = wide ? groups.wide_product : groups.narrow_product;
        run(s.weights, features + first, task.stride, s.chunk.list[block], s.chunk.length[block],
            accumulators + first * kLanes);
        first += wide ? groups.wide : groups.narrow;
    }
}

SPLATSEG_NOINLINE void write_block(const Task& task, const TileGeometry& g, int block, const float* accumulators,
                                   const BlockState& state) {
    alignas(64) float alpha[kLanes];
    store(alpha, broadcast(1.0f) - state.T_last);
    const int64_t width = task.plan.camera.width;
    const int channels = task.features.channels;
    const int64_t corner = corner_of(task.plan, g, block);
    const int nx = g.inside_x(block % kSide), ny = g.inside_y(block / kSide);
    for (int y = 0; y < ny; ++y)
        for (int x = 0; x < nx; ++x) task.alphas[corner + y * width + x] = alpha[4 * y + x];
    if (channels < 6) {  // too few for a transpose to pay
        for (int y = 0; y < ny; ++y)
            for (int x = 0; x < nx; ++x)
                for (int c = 0; c < channels; ++c)
                    task.blended[(corner + y * width + x) * channels + c] = accumulators[c * kLanes + 4 * y + x];
        return;
    }
    for (int first = 0; first < channels; first += kLanes) {
        const int count = channels - first < kLanes ? channels - first : kLanes;
        Vec rows[kLanes];
        SPLATSEG_UNROLL
        for (int c = 0; c < kLanes; ++c)
            rows[c] = c < count ? load(accumulators + (first + c) * kLanes) : broadcast(0.0f);
        transpose(rows);
        const uint32_t lanes = first_lanes(count);
        SPLATSEG_UNROLL
        for (int i = 0; i < kLanes; ++i) {
            float* out = task.blended + (corner + (i / 4) * width + i % 4) * channels + first;
            if (i % 4 < nx && i / 4 < ny) store_lanes(out, rows[i], lanes);
        }
    }
}

void blend_tile(const Task& task, int64_t tile, Scratch& s, float* features, float* accumulators) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    std::memset(accumulators, 0, sizeof(float) * kBlocks * task.features.channels * kLanes);

    Blocks blocks;
    weigh_chunks(
        plan, g, task.limits, tile, blocks, s,
        [&](const uint32_t* ids, int n) { prefetch_features(task.features, ids, n); },
        [&](const uint32_t* ids, int n) { gather_features(task.features, ids, n, s.chunk, features, task.stride); },
        [&](int block) { multiply(task, s, features, block, accumulators + block * task.features.channels * kLanes); });
    for (int block = 0; block < kBlocks; ++block) {
        if (block % kSide == 0 && block + kSide < kBlocks)
            prefetch_block_row<true>(plan, g, block / kSide + 1, task.blended, task.features.channels);
        write_block(task, g, block, accumulators + block * task.features.channels * kLanes, blocks.state[block]);
    }
}

}  // namespace

void blend(const Plan& plan, const float* features, int64_t channels, float* blended, float* alphas, int threads) {
    const int count = static_cast<int>(channels), stride = (count + 3) / 4 * 4;
    const Task task{
        plan, {features, plan.count, count}, limits_of(plan.cutoffs), group_channels(count), stride, blended, alphas};
    const size_t features_bytes = whole_lines(sizeof(float) * (kChunk * stride + kLanes));
    const size_t each = sizeof(Scratch) + features_bytes + sizeof(float) * kBlocks * kLanes * channels;
    const Buffer scratch(each * threads);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        char* mine = scratch.as<char>() + each * worker;
        blend_tile(task, tile, *reinterpret_cast<Scratch*>(mine), reinterpret_cast<float*>(mine + sizeof(Scratch)),
                   reinterpret_cast<float*>(mine + sizeof(Scratch) + features_bytes));
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
