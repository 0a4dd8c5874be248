// Backward of blending: the gradient of the features alone (`accumulate`, the transpose of `blend`), or of everything.
//
// Every entry of a tile list has its own slot; a tile writes its slots, then each Gaussian adds its own in a fixed
// order (reduce.cpp). No two threads ever add to the same number, so the result is the same for any number of threads.
//
// Alphabet: g = dL/d blended of a pixel; v_i = f_i . g; w weights; R_i = sum_{j>i} w_j v_j - dL/dalphas * T_end, the
// part of the loss behind i, kept as out . g less what has been passed; h_i = alpha_i dL/dalpha_i
//   = w_i v_i - R_i alpha_i / (1 - alpha_i), zero where alpha was clamped. The geometry needs only the moments of h:
// its sums over the pixels times 1, x, y, x^2, x y, y^2.
//
// A sum over the 16 pixels of a block is a product of weights with a matrix (16 pixels, 16 lanes) held in 16 registers;
// RowLayout (reduce.h) tells what the lanes are.
#include "raster/reduce.h"
#include "raster/tile.h"
#include "simd/octet.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kDotChannels = 24;  // gradients of a block's pixels that stay in registers
#elif defined(__AVX__) || defined(__aarch64__)
constexpr int kDotChannels = 4;
#else
constexpr int kDotChannels = 2;
#endif

// v (n,16) = (kAdd: v +) features of the list x columns (kCount, 16)
template <int kCount, bool kAdd>
void dot(const float* columns, const float* features, int stride, const int32_t* list, int n, float* v) {
    Vec g[kCount];
    SPLATSEG_UNROLL
    for (int c = 0; c < kCount; ++c) g[c] = load(columns + c * kLanes);
    for (int i = 0; i < n; ++i) {
        const float* f = features + list[i] * stride;
        Vec even = kAdd ? load(v + i * kLanes) : broadcast(0.0f), odd = broadcast(0.0f);  // two chains: half the wait
        SPLATSEG_UNROLL
        for (int c = 0; c < kCount; ++c) {
            if (c % 2 == 0)
                even = fma(broadcast(f[c]), g[c], even);
            else
                odd = fma(broadcast(f[c]), g[c], odd);
        }
        store(v + i * kLanes, even + odd);
    }
}

using Dot = void (*)(const float*, const float*, int, const int32_t*, int, float*);

template <bool kAdd, int... kCounts>
Dot dot_of(int count) {
    Dot found = dot<0, kAdd>;
    ((count == kCounts ? void(found = dot<kCounts, kAdd>) : void()), ...);
    return found;
}

template <bool kAdd>
Dot choose_dot(int count) {
#if defined(__AVX512F__)
    return dot_of<kAdd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24>(count);
#else
    return dot_of<kAdd, 1, 2, 3, 4>(count);
#endif
}

// Chosen once a call: the first channels, then groups of kDotChannels, then those that are left over.
struct Dots {
    Dot first, more, last;
};

Dots choose_dots(int channels) {
    const int left = channels % kDotChannels ? channels % kDotChannels : kDotChannels;
    return {choose_dot<false>(channels < kDotChannels ? channels : kDotChannels), choose_dot<true>(kDotChannels),
            choose_dot<true>(left)};
}

struct Scratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];  // (n,16) w
    alignas(64) float v[kChunk * kLanes];        // (n,16) v, and then h in its place
};

struct Task {
    const Plan& plan;
    const BackwardInput* full;  // null when only features are wanted
    const float* values;        // (H,W,C): g, or what is accumulated
    FeatureTable features;      // used when full
    RowLayout layout;
    Limits limits;
    Dots dots;         // used when full
    int stride;        // floats between feature rows of a chunk
    float* slots;      // (E, layout.floats())
    uint8_t* touched;  // (E,) whether a slot was written
};

// Memory of one worker. Matrices of a block: `rows` (vectors, 16 pixels, 16 lanes), `columns` (C, 16 pixels).
struct TileMemory {
    Scratch& s;
    float* features;  // (kChunk, stride), with slack
    float* rows;      // (kBlocks, layout.groups, 16, 16)
    float* tails;     // (kBlocks, 16, 8), used when channels are left over
    float* columns;   // (kBlocks, C padded to 16, 16), used when full
};

// sums[list[i]] += weights[i] (16 pixels) x rows (16 pixels, 16 lanes)
SPLATSEG_NOINLINE void add_outer(const float* weights, const float* rows, const int32_t* list, int n, float* sums,
                                 int stride) {
    Vec row[kLanes];
    SPLATSEG_UNROLL
    for (int p = 0; p < kLanes; ++p) row[p] = load(rows + p * kLanes);
    for (int i = 0; i < n; ++i) {
        const float* w = weights + i * kLanes;
        float* sum = sums + list[i] * stride;
        Vec even = fma(broadcast(w[0]), row[0], load(sum)), odd = broadcast(w[1]) * row[1];
        SPLATSEG_UNROLL
        for (int p = 2; p < kLanes; p += 2) {
            even = fma(broadcast(w[p]), row[p], even);
            odd = fma(broadcast(w[p + 1]), row[p + 1], odd);
        }
        store(sum, even + odd);
    }
}

// Partial sums of a product of 16 pixels: one chain of dependent additions would wait for each.
constexpr int kChains = 4;

// weights (16 pixels) x rows (16 pixels, 8 lanes)
SPLATSEG_INLINE Octet product(const float* weights, const Octet (&row)[kLanes]) {
    Octet sum[kChains];
    SPLATSEG_UNROLL
    for (int p = 0; p < kChains; ++p) sum[p] = weights[p] * row[p];
    SPLATSEG_UNROLL
    for (int p = kChains; p < kLanes; ++p) sum[p % kChains] += weights[p] * row[p];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// add_outer for the up to 8 channels that are left over.
SPLATSEG_NOINLINE void add_tail(const float* weights, const float* rows, const int32_t* list, int n, float* sums,
                                int stride) {
    Octet row[kLanes];
    SPLATSEG_UNROLL
    for (int p = 0; p < kLanes; ++p) row[p] = load_octet(rows + p * kOctet);
    for (int i = 0; i < n; ++i) {
        float* sum = sums + list[i] * stride;
        store_octet(sum, load_octet(sum) + product(weights + i * kLanes, row));
    }
}

// 1, x, y, x^2, x y, y^2 of the pixels of a block from its centre.
struct BlockMoments {
    alignas(64) float of[kLanes][kOctet];
    constexpr BlockMoments() : of{} {
        for (int p = 0; p < kLanes; ++p) {
            const float x = static_cast<float>(p % 4) - 1.5f, y = static_cast<float>(p / 4) - 1.5f;
            const float moments[kMoments] = {1, x, y, x * x, x * y, y * y};
            for (int m = 0; m < kMoments; ++m) of[p][m] = moments[m];
        }
    }
};
constexpr BlockMoments kBlockMoments;

// From moments s about a block's centre, which is (x, y) from the Gaussian's mean, those about the mean. Block by block
// no large numbers cancel: what is far from the mean stays of one sign, what is near is small.
SPLATSEG_INLINE Octet about_mean(Octet s, float x, float y) {
    //  M = s + first (twice + second m0) + cross m_x,  for 1, x, y, x^2, xy, y^2 in turn
    const Octet first = x * Octet{0, 1, 0, 1, 1} + y * Octet{0, 0, 1, 0, 0, 1};
    const Octet second = x * Octet{0, 0, 0, 1} + y * Octet{0, 0, 0, 0, 1, 1};
    const Octet twice = Octet{0, 1, 1, 2, 1, 2} * __builtin_shufflevector(s, s, 0, 0, 0, 1, 2, 2, 0, 0);
    const Octet zeroth = __builtin_shufflevector(s, s, 0, 0, 0, 0, 0, 0, 0, 0);
    const Octet along_x = __builtin_shufflevector(s, s, 1, 1, 1, 1, 1, 1, 1, 1);
    return s + y * Octet{0, 0, 0, 0, 1} * along_x + first * (second * zeroth + twice);
}

// sums[list[i]] += moments of h[i] (16 pixels) about the Gaussian's mean
SPLATSEG_NOINLINE void add_moments(const float* h, const Chunk& chunk, int block, float* sums, int stride) {
    const int32_t* list = chunk.list[block];
    const int n = chunk.length[block];
    const float centre_x = block_left(block) + 0.5f * (kBlock - 1), centre_y = block_top(block) + 0.5f * (kBlock - 1);
    Octet row[kLanes];
    SPLATSEG_UNROLL
    for (int p = 0; p < kLanes; ++p) row[p] = load_octet(kBlockMoments.of[p]);
    for (int i = 0; i < n; ++i) {
        const int k = list[i];
        float* sum = sums + k * stride;
        const Octet s = product(h + i * kLanes, row);
        store_octet(sum, load_octet(sum) + about_mean(s, centre_x - chunk.mean_x[k], centre_y - chunk.mean_y[k]));
    }
}

// v of a list, over all channels, kDotChannels at a time.
SPLATSEG_INLINE void dot_all(const Task& task, const float* columns, const float* features, const int32_t* list, int n,
                             float* v) {
    const int channels = task.features.channels;
    task.dots.first(columns, features, task.stride, list, n, v);
    for (int first = kDotChannels; first < channels; first += kDotChannels) {
        const Dot dot = first + kDotChannels < channels ? task.dots.more : task.dots.last;
        dot(columns + first * kLanes, features + first, task.stride, list, n, v);
    }
}

// w and h of a list, from its v, in whose place h is put. Returns false when no pixel of the block is left.
SPLATSEG_NOINLINE bool list_gradients(const BlockConstants& constants, const Chunk& chunk, const int32_t* list, int n,
                                      BlockState& state, Vec& behind_block, float* v, float* weights) {
    const BlockConstants block = constants;
    const Vec one = broadcast(1.0f);
    Vec T = state.T, behind = behind_block;
    for (int i = 0; i < n; i += kAtOnce) {
        Vec raw[kAtOnce], odds[kAtOnce];  // odds = alpha / (1 - alpha), unused where alpha was clamped
        raw_alphas(block, chunk, list + i, raw);
        SPLATSEG_UNROLL
        for (int j = 0; j < kAtOnce; ++j) odds[j] = raw[j] * reciprocal(one - raw[j]);
        SPLATSEG_UNROLL
        for (int j = 0; j < kAtOnce; ++j) {
            if (i + j >= n) break;
            const Vec alpha = min(raw[j], block.alpha_max), after = fnma(alpha, T, T);
            const Mask live = greater(after, block.T_min);
            const Vec w = keep(live, alpha * T), wv = w * load(v + (i + j) * kLanes);
            behind = behind - wv;
            const Mask moves = both(live, at_least(block.alpha_max, raw[j]));
            store(weights + (i + j) * kLanes, w);
            store(v + (i + j) * kLanes, keep(moves, fnma(behind, odds[j], wv)));
            T = after;
        }
    }
    state.T = T;
    behind_block = behind;
    return any(greater(T, block.T_min));
}

constexpr int kFew = 4;  // channels left over that are copied one by one: a transpose of 16 does not pay

// The matrices of a block for the few channels left over; products (kFew, 16 pixels): their out x g, to be added
// elsewhere, as with other channels. Fused here, channels without a gradient would change the bits of the others' sums.
SPLATSEG_NOINLINE void start_few(const Task& task, const TileGeometry& g, int block, float* tails, float* columns,
                                 float* products) {
    const int count = task.layout.tail();
    std::memset(tails, 0, sizeof(float) * kLanes * kOctet);
    std::memset(columns, 0, sizeof(float) * kLanes * count);
    each_pixel(task.plan, g, block, [&](int lane, int64_t pixel) {
        const int64_t at = (pixel + 1) * task.layout.channels - count;
        for (int c = 0; c < count; ++c) {
            tails[lane * kOctet + c] = columns[c * kLanes + lane] = task.values[at + c];
            products[c * kLanes + lane] = task.full->blended[at + c] * task.values[at + c];
        }
    });
}

// Builds the matrices of a block and, when full, R before the first Gaussian: out . g - dL/dalphas * T_end.
SPLATSEG_NOINLINE Vec start_block(const Task& task, const TileGeometry& g, int block, const TileMemory& m) {
    const int channels = task.layout.channels;
    const int64_t width = task.plan.camera.width;
    const int64_t corner = corner_of(task.plan, g, block);
    const uint32_t inside = lanes_inside(g, block);
    float* rows = m.rows + block * task.layout.groups * kLanes * kLanes;
    float* columns = m.columns + block * whole_vectors(channels) * kLanes;
    const int few = task.full && task.layout.tail() <= kFew ? task.layout.tail() : 0;
    const int wide = channels - few;  // channels that are turned a vector at a time
    Vec products[kLanes];
    for (int p = 0; p < kLanes; ++p) products[p] = broadcast(0.0f);
    for (int first = 0; first < wide; first += kLanes) {
        const uint32_t lanes = first_lanes(channels - first);
        Vec values[kLanes];
        for (int p = 0; p < kLanes; ++p) {
            const int64_t at = (corner + (p / 4) * width + p % 4) * channels + first;
            const uint32_t here = inside >> p & 1 ? lanes : 0;
            values[p] = load_lanes(task.values + at, here);
            if (task.full) products[p] = fma(values[p], load_lanes(task.full->blended + at, here), products[p]);
        }
        const bool grouped = first < task.layout.grouped();
        for (int p = 0; grouped && p < kLanes; ++p) store(rows + (first + p) * kLanes, values[p]);
        if (!task.full) continue;
        if (!grouped)  // at most 8 channels: the rest of the vector is zero, and mended by the next pixel
            for (int p = 0; p < kLanes; ++p) store(m.tails + (block * kLanes + p) * kOctet, values[p]);
        transpose(values);
        for (int c = 0; c < kLanes; ++c) store(columns + (first + c) * kLanes, values[c]);
    }
    if (!task.full) return broadcast(0.0f);
    Vec sum = broadcast(0.0f);
    if (wide > 0) {
        transpose(products);
        for (int c = 0; c < kLanes; ++c) sum = sum + products[c];
    }
    if (few) {
        alignas(64) float last[kFew * kLanes] = {};
        start_few(task, g, block, m.tails + block * kLanes * kOctet, columns + wide * kLanes, last);
        for (int c = 0; c < kFew; ++c) sum = sum + load(last + c * kLanes);
    }
    alignas(64) float end[kLanes] = {};
    each_pixel(task.plan, g, block, [&](int lane, int64_t pixel) {
        end[lane] = task.full->grad_alphas[pixel] * (1.0f - task.full->alphas[pixel]);
    });
    return sum - load(end);
}

// One block against the chunk. Returns false when no pixel of the block is left.
bool backward_block(const Task& task, int block, BlockState& state, Vec& behind, const TileMemory& m, float* sums) {
    Scratch& s = m.s;
    const int32_t* list = s.chunk.list[block];
    const int n = s.chunk.length[block], floats = task.layout.floats();
    const BlockConstants constants = block_constants(task.limits, block);
    const float* rows = m.rows + block * task.layout.groups * kLanes * kLanes;
    if (!task.full) {
        const bool going = list_weights(constants, s.chunk, list, n, state, s.weights);
        for (int group = 0; group < task.layout.groups; ++group)
            add_outer(s.weights, rows + group * kLanes * kLanes, list, n, sums + group * kLanes, floats);
        return going;
    }
    dot_all(task, m.columns + block * whole_vectors(task.layout.channels) * kLanes, m.features, list, n, s.v);
    const bool going = list_gradients(constants, s.chunk, list, n, state, behind, s.v, s.weights);
    for (int group = 0; group < task.layout.groups; ++group)
        add_outer(s.weights, rows + group * kLanes * kLanes, list, n, sums + group * kLanes, floats);
    if (task.layout.tail())
        add_tail(s.weights, m.tails + block * kLanes * kOctet, list, n, sums + task.layout.tail_at(), floats);
    add_moments(s.v, s.chunk, block, sums + task.layout.moments_at(), floats);
    return going;
}

void backward_tile(const Task& task, int64_t tile, const TileMemory& m) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const TileEntries entries = entries_of(plan, tile);
    if (entries.begin == entries.end) return;
    Blocks blocks;
    start_blocks(g, blocks);
    Vec behind[kBlocks];
    const auto prefetch_row = [&](int row) {
        prefetch_block_row<false>(plan, g, row, task.values, task.layout.channels);
        if (!task.full) return;
        prefetch_block_row<false>(plan, g, row, task.full->blended, task.layout.channels);
        prefetch_block_row<false>(plan, g, row, task.full->alphas, 1);
        prefetch_block_row<false>(plan, g, row, task.full->grad_alphas, 1);
    };
    prefetch_row(0);
    prefetch_records(plan, entries.ids + entries.begin, entries.chunk_size(entries.begin));
    for (int block = 0; block < kBlocks; ++block) {
        if (block % kSide == 0 && block + kSide < kBlocks) prefetch_row(block / kSide + 1);
        if (blocks.alive >> block & 1) behind[block] = start_block(task, g, block, m);
    }
    uint32_t entry = entries.begin;
    for (; entry < entries.end && blocks.alive; entry += entries.chunk_size(entry)) {
        const uint32_t* ids = entries.ids + entry;
        const int n = entries.chunk_size(entry);
        if (task.full) prefetch_features(task.features, ids, n);
        load_entries(plan, g, task.limits, entries, entry, blocks.alive, m.s.chunk);
        if (task.full) gather_features(task.features, ids, n, m.s.chunk, m.features, task.stride);
        float* sums = task.slots + static_cast<size_t>(entry) * task.layout.floats();
        std::memset(sums, 0, sizeof(float) * n * task.layout.floats());
        for (int k = 0; k < n; ++k) task.touched[entry + k] = m.s.chunk.used[k / kLanes] >> (k % kLanes) & 1;
        for (int block = 0; block < kBlocks; ++block)
            if (m.s.chunk.length[block] && !backward_block(task, block, blocks.state[block], behind[block], m, sums))
                blocks.alive &= ~(BlockSet{1} << block);
    }
    std::memset(task.touched + entry, 0, entries.end - entry);
}

void run_tiles(const Task& task, int threads) {
    const size_t channels = whole_vectors(task.layout.channels);
    // Every part is whole vectors, so that the next one, and the next worker's memory, begin on a cache line.
    const size_t features = task.full ? whole_vectors(kChunk * task.stride + kLanes) : 0;
    const size_t rows = kBlocks * task.layout.groups * kLanes * kLanes;
    const size_t tails = task.layout.tail() ? whole_vectors(kBlocks * kLanes * kOctet + kOctet) : 0;
    const size_t columns = task.full ? kBlocks * channels * kLanes : 0;
    const size_t each = sizeof(Scratch) + sizeof(float) * (features + rows + tails + columns);
    const Buffer scratch(each * threads);
    for_each_tile(task.plan, threads, [&](int64_t tile, int worker) {
        char* mine = scratch.as<char>() + each * worker;
        float* floats = reinterpret_cast<float*>(mine + sizeof(Scratch));
        const TileMemory memory{*reinterpret_cast<Scratch*>(mine), floats, floats + features, floats + features + rows,
                                floats + features + rows + tails};
        backward_tile(task, tile, memory);
    });
}

}  // namespace

void accumulate(const Plan& plan, const float* values, int64_t channels, float* sums, int threads) {
    const RowLayout layout(channels, false);
    const Buffer slots(sizeof(float) * plan.entries * layout.floats()), touched(plan.entries);
    run_tiles(
        {plan, nullptr, values, {}, layout, limits_of(plan.cutoffs), {}, 0, slots.as<float>(), touched.as<uint8_t>()},
        threads);
    reduce(plan, layout, {slots.as<float>(), touched.as<uint8_t>()}, sums, nullptr, nullptr, {}, threads);
}

void backward(const Plan& plan, const Gaussians& gaussians, const BackwardInput& input, float* grad_features,
              const GeometryGradients& gradients, const GrowthStatistics& growth, int threads) {
    const RowLayout layout(input.channels, true);
    const Buffer slots(sizeof(float) * plan.entries * layout.floats()), touched(plan.entries);
    const FeatureTable table{input.features, plan.count, layout.channels};
    const int stride = (layout.channels + 3) / 4 * 4;
    run_tiles({plan, &input, input.grad_blended, table, layout, limits_of(plan.cutoffs), choose_dots(layout.channels),
               stride, slots.as<float>(), touched.as<uint8_t>()},
              threads);
    reduce(plan, layout, {slots.as<float>(), touched.as<uint8_t>()}, grad_features, &gaussians, &gradients, growth,
           threads);
}

}  // namespace splatseg::SPLATSEG_LEVEL
