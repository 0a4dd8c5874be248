// Backward of blending: the gradient of the features alone (`accumulate`, the transpose of `blend`), or of everything.
//
// Every entry of a tile list has its own slot; a tile writes its slots, then each Gaussian adds its own in a fixed order.
// No two threads ever add to the same number, so the result is the same for any number of threads.
//
// Alphabet: g = dL/d blended of a pixel; v_i = f_i . g; w weights; R_i = sum_{j>i} w_j v_j - dL/dalphas * T_end, the
// part of the loss behind i, kept as out . g less what has been passed; h_i = alpha_i dL/dalpha_i
//   = w_i v_i - R_i alpha_i / (1 - alpha_i), zero where alpha was clamped. The geometry needs only the moments of h.
#include "kernels.h"
#include "parallel.h"
#include "project_backward.h"
#include "tile.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int kMomentRow = kLanes;  // moments 1, x, y, x^2, xy, y^2 about the tile's centre, then nothing

int padded(int64_t channels) { return static_cast<int>((channels + kLanes - 1) / kLanes * kLanes); }

struct Scratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];  // later h
    alignas(64) float v[kChunk * kLanes];
    alignas(64) float moments[kChunk * kMomentRow];
};

struct Task {
    const Plan& plan;
    const float* values;   // (H,W,C): g, or what is accumulated
    int channels, stride;  // stride: channels padded to whole vectors
    const BackwardInput* full;  // null when only features are wanted
    float* slots;          // (E, slot)
    int slot;              // channels, then kMoments when full
    uint8_t* touched;      // (E,)
};

// Row `lane` of a block: the values of that pixel, zero-padded; zero outside the image.
void load_values(const Task& task, const TileGeometry& g, int block, float* rows) {
    std::memset(rows, 0, sizeof(float) * kLanes * task.stride);
    for (int y = 0; y < g.inside_y(block / 4); ++y)
        for (int x = 0; x < g.inside_x(block % 4); ++x) {
            const int64_t pixel = int64_t(g.top + (block / 4) * kBlock + y) * task.plan.camera.width + g.left + (block % 4) * kBlock + x;
            std::memcpy(rows + (4 * y + x) * task.stride, task.values + pixel * task.channels, sizeof(float) * task.channels);
        }
}

// sums[list[i]] += sum over pixels of weights[i][pixel] * rows[pixel], 16 channels at a time.
void add_outer(const float* weights, const float* rows, int stride, const int32_t* list, int n, float* sums, int sums_stride,
               int groups) {
    for (int group = 0; group < groups; ++group) {
        Vec row[kLanes];
        SPLATSEG_UNROLL for (int p = 0; p < kLanes; ++p) row[p] = load(rows + p * stride + group * kLanes);
        for (int i = 0; i < n; ++i) {
            const float* w = weights + i * kLanes;
            Vec even = broadcast(w[0]) * row[0], odd = broadcast(w[1]) * row[1];
            SPLATSEG_UNROLL for (int p = 2; p < kLanes; p += 2) {
                even = fma(broadcast(w[p]), row[p], even);
                odd = fma(broadcast(w[p + 1]), row[p + 1], odd);
            }
            float* sum = sums + list[i] * sums_stride + group * kLanes;
            store(sum, load(sum) + (even + odd));
        }
    }
}

// What the full backward keeps of a block between chunks.
struct BlockLoss {
    Vec behind;  // R
};

// v (n,16) = features of the list . g
void dot_values(const float* columns, int channels, const float* features, int stride, const int32_t* list, int n, float* v) {
    for (int i = 0; i < n; ++i) {
        const float* f = features + list[i] * stride;
        Vec sum = broadcast(0.0f), other = sum;
        int c = 0;
        for (; c + 1 < channels; c += 2) {
            sum = fma(broadcast(f[c]), load(columns + c * kLanes), sum);
            other = fma(broadcast(f[c + 1]), load(columns + (c + 1) * kLanes), other);
        }
        if (c < channels) sum = fma(broadcast(f[c]), load(columns + c * kLanes), sum);
        store(v + i * kLanes, sum + other);
    }
}

// Weights (n,16), and in place of v the h of each Gaussian of the list. Returns false when the block is finished.
bool list_gradients(const BlockConstants& block, const Chunk& chunk, const int32_t* list, int n, BlockState& state,
                    BlockLoss& loss, float* weights, float* v) {
    const Vec one = broadcast(1.0f);
    Vec T = state.T, behind = loss.behind;
    for (int i = 0; i < n; ++i) {
        const Alpha a = alpha_of(block, chunk, list[i]);
        const Vec through = one - a.alpha, after = T * through;
        const Mask live = greater(after, block.T_min);
        const Vec w = keep(live, a.alpha * T), wv = w * load(v + i * kLanes);
        behind = behind - wv;
        const Mask moves = both(live, at_least(block.alpha_max, a.raw));
        store(v + i * kLanes, keep(moves, fnma(behind, a.alpha / through, wv)));
        store(weights + i * kLanes, w);
        T = after;
    }
    state.T = T;
    loss.behind = behind;
    return any(greater(T, block.T_min));
}

void moment_rows(const TileGeometry& g, int block, float* rows) {
    alignas(64) float x[kLanes], y[kLanes];
    store(x, block_x(g, block) - broadcast(static_cast<float>(g.left + kTile / 2)));
    store(y, block_y(g, block) - broadcast(static_cast<float>(g.top + kTile / 2)));
    for (int lane = 0; lane < kLanes; ++lane) {
        const float row[kMomentRow] = {1.0f, x[lane], y[lane], x[lane] * x[lane], x[lane] * y[lane], y[lane] * y[lane]};
        std::memcpy(rows + lane * kMomentRow, row, sizeof(row));
    }
}

// From moments about the tile's centre to moments about the Gaussian's mean.
void centre_moments(const TileGeometry& g, const Chunk& chunk, int k, const float* moments, float* out) {
    const float mx = chunk.mean_x[k] - static_cast<float>(g.left + kTile / 2);
    const float my = chunk.mean_y[k] - static_cast<float>(g.top + kTile / 2);
    const float m = moments[0], x = moments[1], y = moments[2];
    out[0] = m;
    out[1] = x - mx * m;
    out[2] = y - my * m;
    out[3] = moments[3] - 2 * mx * x + mx * mx * m;
    out[4] = moments[4] - mx * y - my * x + mx * my * m;
    out[5] = moments[5] - 2 * my * y + my * my * m;
}

struct TileMemory {
    Scratch& s;
    float* features;      // (kChunk, stride)
    float* sums;          // (kChunk, stride)
    float* rows;          // (kLanes, stride)
    float* columns;       // (stride, kLanes): rows transposed
    float* moment_rows;   // (kLanes, kMomentRow)
};

void start_block(const Task& task, const TileGeometry& g, int block, BlockLoss& loss) {
    alignas(64) float behind[kLanes] = {};
    for (int y = 0; y < g.inside_y(block / 4); ++y)
        for (int x = 0; x < g.inside_x(block % 4); ++x) {
            const int64_t pixel = int64_t(g.top + (block / 4) * kBlock + y) * task.plan.camera.width + g.left + (block % 4) * kBlock + x;
            const float *out = task.full->blended + pixel * task.channels, *grad = task.values + pixel * task.channels;
            float sum = 0.0f;
            for (int c = 0; c < task.channels; ++c) sum += out[c] * grad[c];
            behind[4 * y + x] = sum - task.full->grad_alphas[pixel] * (1.0f - task.full->alphas[pixel]);
        }
    loss.behind = load(behind);
}

void write_slots(const Task& task, const TileGeometry& g, uint32_t entry, int n, const TileMemory& m) {
    bool listed[kChunk] = {};
    for (int block = 0; block < kBlocks; ++block)
        for (int i = 0; i < m.s.chunk.length[block]; ++i) listed[m.s.chunk.list[block][i]] = true;
    for (int k = 0; k < n; ++k) {
        task.touched[entry + k] = listed[k];
        if (!listed[k]) continue;
        float* slot = task.slots + static_cast<size_t>(entry + k) * task.slot;
        std::memcpy(slot, m.sums + k * task.stride, sizeof(float) * task.channels);
        if (task.full) centre_moments(g, m.s.chunk, k, m.s.moments + k * kMomentRow, slot + task.channels);
    }
}

void backward_tile(const Task& task, int64_t tile, const TileMemory& m) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const uint32_t* ranks = plan.tile_ranks.as<uint32_t>();
    const uint32_t* ids = plan.ids.as<uint32_t>();
    const uint32_t begin = plan.tile_start.as<uint32_t>()[tile], end = plan.tile_start.as<uint32_t>()[tile + 1];
    BlockState state[kBlocks];
    BlockLoss loss[kBlocks];
    uint32_t alive = 0;
    for (int block = 0; block < kBlocks; ++block) {
        const uint32_t inside = lanes_inside(g, block);
        state[block] = first_state(inside);
        if (inside) alive |= 1u << block;
        if (inside && task.full) start_block(task, g, block, loss[block]);
    }
    uint32_t entry = begin;
    for (; entry < end && alive; entry += kChunk) {
        const int n = end - entry < kChunk ? static_cast<int>(end - entry) : kChunk;
        Scratch& s = m.s;
        load_chunk(plan, g, ranks + entry, n, alive, s.chunk);
        std::memset(m.sums, 0, sizeof(float) * n * task.stride);
        if (task.full) {
            std::memset(s.moments, 0, sizeof(float) * n * kMomentRow);
            for (int k = 0; k < n; ++k)
                std::memcpy(m.features + k * task.stride, task.full->features + static_cast<size_t>(ids[s.chunk.rank[k]]) * task.channels,
                            sizeof(float) * task.channels);
        }
        for (int block = 0; block < kBlocks; ++block) {
            const int length = s.chunk.length[block];
            const int32_t* list = s.chunk.list[block];
            if (!(alive >> block & 1) || length == 0) continue;
            const BlockConstants constants = block_constants(plan, g, block);
            load_values(task, g, block, m.rows);
            bool going;
            if (task.full) {
                for (int c = 0; c < task.channels; ++c)
                    for (int lane = 0; lane < kLanes; ++lane) m.columns[c * kLanes + lane] = m.rows[lane * task.stride + c];
                dot_values(m.columns, task.channels, m.features, task.stride, list, length, s.v);
                going = list_gradients(constants, s.chunk, list, length, state[block], loss[block], s.weights, s.v);
                moment_rows(g, block, m.moment_rows);
                add_outer(s.v, m.moment_rows, kMomentRow, list, length, s.moments, kMomentRow, 1);
            } else {
                going = list_weights(constants, s.chunk, list, length, state[block], s.weights);
            }
            add_outer(s.weights, m.rows, task.stride, list, length, m.sums, task.stride, task.stride / kLanes);
            if (!going) alive &= ~(1u << block);
        }
        write_slots(task, g, entry, n, m);
    }
    if (entry < end) std::memset(task.touched + entry, 0, end - entry);
}

void run_tiles(const Task& task, int threads) {
    const size_t rows = sizeof(float) * kChunk * task.stride, small = sizeof(float) * kLanes * task.stride;
    const size_t each = sizeof(Scratch) + 2 * rows + 2 * small + sizeof(float) * kLanes * kMomentRow;
    const Buffer scratch(each * threads);
    parallel_for(int64_t(task.plan.tiles_x) * task.plan.tiles_y, threads, [&](int64_t tile, int worker) {
        char* at = scratch.as<char>() + each * worker;
        Scratch& s = *reinterpret_cast<Scratch*>(at);
        at += sizeof(Scratch);
        const auto next = [&at](size_t bytes) {
            float* here = reinterpret_cast<float*>(at);
            at += bytes;
            return here;
        };
        float *features = next(rows), *sums = next(rows), *values = next(small), *columns = next(small);
        backward_tile(task, tile, {s, features, sums, values, columns, reinterpret_cast<float*>(at)});
    });
}

// row (slot,) = sum of a Gaussian's slots, tiles row by row.
void gather_slots(const Task& task, uint32_t rank, float* row) {
    const uint32_t* first = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entries = task.plan.entry_of_touch.as<uint32_t>();
    for (int c = 0; c < task.slot; ++c) row[c] = 0.0f;
    for (uint32_t touch = first[rank]; touch < first[rank + 1]; ++touch) {
        const uint32_t entry = entries[touch];
        if (!task.touched[entry]) continue;
        const float* slot = task.slots + static_cast<size_t>(entry) * task.slot;
        for (int c = 0; c < task.slot; ++c) row[c] += slot[c];
    }
}

constexpr int kGather = 256;  // ranks a thread takes at a time

void zero(float* values, int64_t count) { std::memset(values, 0, sizeof(float) * count); }

}  // namespace

void accumulate(const Plan& plan, const float* values, int64_t channels, float* sums, int threads) {
    const Buffer slots(sizeof(float) * plan.entries * channels), touched(plan.entries);
    const Task task{plan,  values, static_cast<int>(channels),  padded(channels), nullptr, slots.as<float>(),
                    static_cast<int>(channels), touched.as<uint8_t>()};
    run_tiles(task, threads);
    zero(sums, plan.count * channels);
    const uint32_t* ids = plan.ids.as<uint32_t>();
    parallel_for((plan.drawn + kGather - 1) / kGather, threads, [&](int64_t item, int) {
        const uint32_t begin = static_cast<uint32_t>(item * kGather);
        const uint32_t end = begin + kGather < plan.drawn ? begin + kGather : plan.drawn;
        for (uint32_t rank = begin; rank < end; ++rank) gather_slots(task, rank, sums + ids[rank] * channels);
    });
}

void backward(const Plan& plan, const Gaussians& gaussians, const BackwardInput& input, float* grad_features,
              const GeometryGradients& gradients, int threads) {
    const int channels = static_cast<int>(input.channels), slot = channels + kMoments;
    const Buffer slots(sizeof(float) * plan.entries * slot), touched(plan.entries);
    const Task task{plan, input.grad_blended, channels, padded(channels), &input, slots.as<float>(), slot, touched.as<uint8_t>()};
    run_tiles(task, threads);
    zero(grad_features, plan.count * channels);
    zero(gradients.means, plan.count * 3);
    zero(gradients.quats, plan.count * 4);
    zero(gradients.scales, plan.count * 3);
    zero(gradients.opacities, plan.count);
    zero(gradients.means2d, plan.count * 2);
    const uint32_t* ids = plan.ids.as<uint32_t>();
    const size_t row_floats = (slot + kLanes - 1) / kLanes * kLanes;
    const Buffer rows(sizeof(float) * row_floats * threads);
    parallel_for((plan.drawn + kGather - 1) / kGather, threads, [&](int64_t item, int worker) {
        float* row = rows.as<float>() + row_floats * worker;
        const uint32_t begin = static_cast<uint32_t>(item * kGather);
        const uint32_t end = begin + kGather < plan.drawn ? begin + kGather : plan.drawn;
        for (uint32_t first = begin; first < end; first += kLanes) {
            const int n = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
            alignas(64) float moments[kMoments][kLanes] = {};
            for (int i = 0; i < n; ++i) {
                gather_slots(task, first + i, row);
                std::memcpy(grad_features + static_cast<size_t>(ids[first + i]) * channels, row, sizeof(float) * channels);
                for (int k = 0; k < kMoments; ++k) moments[k][i] = row[channels + k];
            }
            project_backward(plan, gaussians, ids + first, n, moments, gradients);
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
