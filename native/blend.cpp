// Forward: blends features of any number of channels, tile by tile.
//
// For a block, first the weights of a run of Gaussians, then weights^T x features as a small dense product whose
// accumulators (16 pixels x a group of channels) stay in registers.
#include "kernels.h"
#include "parallel.h"
#include "tile.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kGroupChannels = 24;  // accumulators that fit in 32 registers beside a weight and a feature
#elif defined(__aarch64__)
constexpr int kGroupChannels = 6;
#elif defined(__AVX__)
constexpr int kGroupChannels = 6;
#else
constexpr int kGroupChannels = 3;
#endif

int padded(int64_t channels) { return static_cast<int>((channels + 3) / 4 * 4); }

// accumulators (kCount, 16) += sum over the list of weights (n,16) x features (chunk row of list[i], channels)
template <int kCount>
void product(const float* weights, const float* features, int stride, const int32_t* list, int n, float* accumulators) {
    Vec sum[kCount];
    SPLATSEG_UNROLL for (int c = 0; c < kCount; ++c) sum[c] = load(accumulators + c * kLanes);
    for (int i = 0; i < n; ++i) {
        const Vec w = load(weights + i * kLanes);
        const float* f = features + list[i] * stride;
        SPLATSEG_UNROLL for (int c = 0; c < kCount; ++c) sum[c] = fma(w, broadcast(f[c]), sum[c]);
    }
    SPLATSEG_UNROLL for (int c = 0; c < kCount; ++c) store(accumulators + c * kLanes, sum[c]);
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

struct Scratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];
};

struct Task {
    const Plan& plan;
    const float* features;
    int channels, stride;
    float* blended;
    float* alphas;
};

void multiply(const Task& task, const Scratch& s, const float* chunk_features, int block, float* accumulators) {
    for (int first = 0; first < task.channels;) {
        // Groups of nearly equal size: 19 channels at 6 a group are 5 + 5 + 5 + 4.
        const int groups_left = (task.channels - first + kGroupChannels - 1) / kGroupChannels;
        const int count = (task.channels - first + groups_left - 1) / groups_left;
        choose_product(count)(s.weights, chunk_features + first, task.stride, s.chunk.list[block], s.chunk.length[block],
                              accumulators + first * kLanes);
        first += count;
    }
}

void write_block(const Task& task, const TileGeometry& g, int block, const float* accumulators, const BlockState& state) {
    alignas(64) float T[kLanes];
    store(T, state.T_last);
    const int64_t width = task.plan.camera.width;
    for (int y = 0; y < g.inside_y(block / 4); ++y)
        for (int x = 0; x < g.inside_x(block % 4); ++x) {
            const int lane = 4 * y + x;
            const int64_t pixel = (g.top + (block / 4) * kBlock + y) * width + g.left + (block % 4) * kBlock + x;
            task.alphas[pixel] = 1.0f - T[lane];
            float* out = task.blended + pixel * task.channels;
            for (int c = 0; c < task.channels; ++c) out[c] = accumulators[c * kLanes + lane];
        }
}

void blend_tile(const Task& task, int64_t tile, Scratch& s, float* chunk_features, float* accumulators) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const uint32_t* ranks = plan.tile_ranks.as<uint32_t>();
    const uint32_t* ids = plan.ids.as<uint32_t>();
    const uint32_t begin = plan.tile_start.as<uint32_t>()[tile], end = plan.tile_start.as<uint32_t>()[tile + 1];
    std::memset(accumulators, 0, sizeof(float) * kBlocks * task.channels * kLanes);

    BlockState state[kBlocks];
    uint32_t alive = 0;
    for (int block = 0; block < kBlocks; ++block) {
        const uint32_t inside = lanes_inside(g, block);
        state[block] = first_state(inside);
        if (inside) alive |= 1u << block;
    }
    for (uint32_t entry = begin; entry < end && alive; entry += kChunk) {
        const int n = end - entry < kChunk ? static_cast<int>(end - entry) : kChunk;
        load_chunk(plan, g, ranks + entry, n, alive, s.chunk);
        for (int k = 0; k < n; ++k)
            std::memcpy(chunk_features + k * task.stride, task.features + static_cast<size_t>(ids[s.chunk.rank[k]]) * task.channels,
                        sizeof(float) * task.channels);
        for (int block = 0; block < kBlocks; ++block) {
            if (!(alive >> block & 1) || s.chunk.length[block] == 0) continue;
            const BlockConstants constants = block_constants(plan, g, block);
            if (!list_weights(constants, s.chunk, s.chunk.list[block], s.chunk.length[block], state[block], s.weights))
                alive &= ~(1u << block);
            multiply(task, s, chunk_features, block, accumulators + block * task.channels * kLanes);
        }
    }
    for (int block = 0; block < kBlocks; ++block)
        write_block(task, g, block, accumulators + block * task.channels * kLanes, state[block]);
}

}  // namespace

void blend(const Plan& plan, const float* features, int64_t channels, float* blended, float* alphas, int threads) {
    const int stride = padded(channels);
    const Task task{plan, features, static_cast<int>(channels), stride, blended, alphas};
    const size_t features_bytes = (sizeof(float) * kChunk * stride + 63) / 64 * 64;
    const size_t each = sizeof(Scratch) + features_bytes + sizeof(float) * kBlocks * kLanes * channels;
    const Buffer scratch(each * threads);
    parallel_for(static_cast<int64_t>(plan.tiles_x) * plan.tiles_y, threads, [&](int64_t tile, int worker) {
        char* mine = scratch.as<char>() + each * worker;
        blend_tile(task, tile, *reinterpret_cast<Scratch*>(mine), reinterpret_cast<float*>(mine + sizeof(Scratch)),
                   reinterpret_cast<float*>(mine + sizeof(Scratch) + features_bytes));
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
