// Label maps in one pass, however many labels there are: of every pixel the label that makes up most of it.
//
// For each tile the labels that it meets are numbered, and for each pixel weights are summed by number. Label 0, none,
// also has the light that passes through.
// A block is done when what is left of its light can change no pixel any more, which is mostly long before it is gone.
#include <algorithm>
#include <cstring>
#include <vector>

#include "memory/buffer.h"
#include "raster/tile.h"
#include "simd/stages.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int kRow = kBlocks * kLanes;  // floats of the sums of one label in one tile

// The labels that a tile has met, and their sums: (slots, kBlocks, kLanes). Slot 0 is label 0.
class LabelSums {
public:
    explicit LabelSums(int64_t count) : slot_of_(count + 1, 0) {}

    void start() {
        for (const int32_t label : labels_) slot_of_[label] = 0;
        labels_.clear();
        add(0);
    }

    int slot_of(int32_t label) {
        if (label == 0) return 0;
        if (slot_of_[label] == 0) add(label);
        return slot_of_[label];
    }

    int slots() const { return static_cast<int>(labels_.size()); }
    int32_t label(int slot) const { return labels_[slot]; }
    float* of_block(int slot, int block) const {
        return sums_.as<float>() + static_cast<size_t>(slot) * kRow + block * kLanes;
    }

    // All slots but that of none, labels ascending.
    const std::vector<int>& ascending() {
        ascending_.resize(labels_.size() - 1);
        for (int slot = 1; slot < slots(); ++slot) ascending_[slot - 1] = slot;
        std::sort(ascending_.begin(), ascending_.end(), [&](int a, int b) { return labels_[a] < labels_[b]; });
        return ascending_;
    }

private:
    void add(int32_t label) {
        const size_t slot = labels_.size();
        if (slot == room_) {
            room_ = room_ ? 2 * room_ : 32;
            Buffer larger(sizeof(float) * kRow * room_);
            if (slot) std::memcpy(larger.as<float>(), sums_.as<float>(), sizeof(float) * kRow * slot);
            sums_ = std::move(larger);
        }
        std::fill_n(of_block(static_cast<int>(slot), 0), kRow, 0.0f);
        slot_of_[label] = static_cast<int32_t>(slot);
        labels_.push_back(label);
    }

    std::vector<int32_t> slot_of_;  // by label, 0 where it has not been met
    std::vector<int32_t> labels_;   // by slot
    std::vector<int> ascending_;
    Buffer sums_;
    size_t room_ = 0;  // slots that fit into `sums_`
};

struct LabelScratch {
    Chunk chunk;
    alignas(64) float weights[kChunk * kLanes];
    int32_t slot[kChunk];
};

struct LabelTask {
    const Plan& plan;
    Limits limits;
    const int32_t* labels;  // (N,)
    int32_t* out;           // (H,W)
};

// Whether the light left, whatever takes it, leaves the result of every pixel of a block as it is.
bool is_decided(const LabelSums& sums, const Limits& limits, const BlockState& state, int block) {
    Vec most = broadcast(0.0f), second = broadcast(0.0f);
    for (int slot = 0; slot < sums.slots(); ++slot) {
        const Vec sum = load(sums.of_block(slot, block));
        second = max(second, min(most, sum));
        most = max(most, sum);
    }
    // All sums have rounding errors, whose bound this is.
    const Vec needed = fma(state.T_last, broadcast(1.0f + 1e-5f), second + broadcast(1e-6f));
    return !any(both(greater(state.T, broadcast(limits.T_min)), at_least(needed, most)));
}

void write_block(const LabelTask& task, const TileGeometry& g, const LabelSums& sums, const std::vector<int>& ascending,
                 int block, const BlockState& state) {
    const Vec one = broadcast(1.0f), alpha = one - state.T_last;
    Vec most = (one - alpha) + load(sums.of_block(0, block)), winner = broadcast(0.0f);
    for (const int slot : ascending) {
        const Vec sum = load(sums.of_block(slot, block));
        const Mask more = greater(sum, most);
        winner = select(more, broadcast(static_cast<float>(slot)), winner);
        most = select(more, sum, most);
    }
    alignas(64) float found[kLanes];
    store(found, winner);
    each_pixel(task.plan, g, block,
               [&](int lane, int64_t pixel) { task.out[pixel] = sums.label(static_cast<int>(found[lane])); });
}

void labels_of_tile(const LabelTask& task, int64_t tile, LabelScratch& s, LabelSums& sums) {
    const Plan& plan = task.plan;
    const TileGeometry g = tile_geometry(plan, tile);
    const Vec half = broadcast(0.5f);  // nothing is decided while more than half of the light is left
    sums.start();
    Blocks blocks;
    weigh_chunks(
        plan, g, task.limits, tile, blocks, s,
        [&](const uint32_t* ids, int n) {
            for (int k = 0; k < n; ++k) __builtin_prefetch(task.labels + ids[k]);
        },
        [&](const uint32_t* ids, int n) {
            for (int k = 0; k < n; ++k) s.slot[k] = sums.slot_of(task.labels[ids[k]]);
        },
        [&](int block) {
            const int length = s.chunk.length[block];
            for (int i = 0; i < length; ++i) {
                float* sum = sums.of_block(s.slot[s.chunk.list[block][i]], block);
                store(sum, load(sum) + load(s.weights + i * kLanes));
            }
            const BlockState& state = blocks.state[block];
            if (!any(greater(state.T, half)) && is_decided(sums, task.limits, state, block))
                blocks.alive &= ~(BlockSet{1} << block);
        });
    const std::vector<int>& ascending = sums.ascending();
    for (int block = 0; block < kBlocks; ++block)
        if (lanes_inside(g, block)) write_block(task, g, sums, ascending, block, blocks.state[block]);
}

}  // namespace

void label_map(const Plan& plan, const int32_t* labels, int64_t count, int32_t* out, int threads) {
    const LabelTask task{plan, limits_of(plan.cutoffs), labels, out};
    const size_t each = whole_lines(sizeof(LabelScratch));
    const Buffer scratch(each * threads);
    std::vector<LabelSums> sums;
    for (int worker = 0; worker < threads; ++worker) sums.emplace_back(count);
    for_each_tile(plan, threads, [&](int64_t tile, int worker) {
        labels_of_tile(task, tile, *reinterpret_cast<LabelScratch*>(scratch.as<char>() + each * worker), sums[worker]);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
