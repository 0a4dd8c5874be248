// From the slots of the tiles to the gradients of the Gaussians, in the order of their indices: what is read and
// written for a Gaussian lies beside that of its neighbour, only the slots are scattered.
#include "reduce.h"

#include "parallel.h"
#include "project_backward.h"
#include "simd.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

struct Task {
    const Plan& plan;
    const RowLayout& layout;
    const Slots& slots;
    float* sums;
    const Gaussians* gaussians;
    const GeometryGradients* gradients;
};

void zero_group(const Task& task, int64_t first, int64_t count) {
    const auto zero = [&](float* p, int width) { std::memset(p + first * width, 0, sizeof(float) * count * width); };
    zero(task.sums, task.layout.channels);
    if (!task.gradients) return;
    zero(task.gradients->means, 3);
    zero(task.gradients->quats, 4);
    zero(task.gradients->scales, 3);
    zero(task.gradients->opacities, 1);
    zero(task.gradients->means2d, 2);
}

SPLATSEG_INLINE void prefetch_slots(const Task& task, uint32_t rank) {
    const uint32_t* first = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entries = task.plan.entry_of_touch.as<uint32_t>();
    for (uint32_t touch = first[rank]; touch < first[rank + 1]; ++touch) {
        __builtin_prefetch(task.slots.touched + entries[touch]);
        const float* row = task.slots.rows + static_cast<size_t>(entries[touch]) * task.layout.floats();
        for (int v = 0; v < task.layout.vectors; ++v) __builtin_prefetch(row + v * kLanes);
    }
}

SPLATSEG_INLINE void add_slots(const Task& task, uint32_t rank, float* row) {
    const uint32_t* first = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entries = task.plan.entry_of_touch.as<uint32_t>();
    const int floats = task.layout.floats();
    for (int at = 0; at < floats; at += kLanes) {
        Vec sum = broadcast(0.0f);
        for (uint32_t touch = first[rank]; touch < first[rank + 1]; ++touch)
            if (task.slots.touched[entries[touch]])
                sum = sum + load(task.slots.rows + static_cast<size_t>(entries[touch]) * floats + at);
        store(row + at, sum);
    }
}

SPLATSEG_INLINE void write_sums(const RowLayout& layout, const float* row, float* out) {
    for (int first = 0; first < layout.grouped(); first += kLanes)
        store_lanes(out + first, load(row + first), first_lanes(layout.grouped() - first));
    for (int c = 0; c < layout.tail(); ++c) out[layout.grouped() + c] = layout.pairs(row)[2 * c];
}

// 16 drawn Gaussians at a time, as the projection wants them.
void reduce_group(const Task& task, int64_t group, float* row) {
    const uint32_t* ids = task.plan.ids.as<uint32_t>();
    const uint32_t* first_touch = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entry_of_touch = task.plan.entry_of_touch.as<uint32_t>();
    const uint32_t* rank_of_place = task.plan.rank_of_place.as<uint32_t>() + group * kGroup;
    const int64_t first_id = group * kGroup;
    zero_group(task, first_id, task.plan.count - first_id < kGroup ? task.plan.count - first_id : kGroup);
    const int drawn = static_cast<int>(task.plan.group_count.as<uint32_t>()[group]);
    // Three loads hang on each other: a Gaussian's touches, its entries, their slots. Each is fetched a batch ahead.
    const auto ahead = [&](int begin, auto&& fetch) {
        for (int i = begin; i < begin + kLanes && i < drawn; ++i) fetch(rank_of_place[i]);
    };
    const auto fetch_touches = [&](uint32_t rank) { __builtin_prefetch(first_touch + rank); };
    const auto fetch_entries = [&](uint32_t rank) { __builtin_prefetch(entry_of_touch + first_touch[rank]); };
    const auto fetch_slots = [&](uint32_t rank) { prefetch_slots(task, rank); };
    ahead(0, fetch_touches);
    ahead(kLanes, fetch_touches);
    ahead(0, fetch_entries);
    for (int first = 0; first < drawn; first += kLanes) {
        const int n = drawn - first < kLanes ? drawn - first : kLanes;
        ahead(first + 2 * kLanes, fetch_touches);
        ahead(first + kLanes, fetch_entries);
        ahead(first, fetch_slots);
        uint32_t batch[kLanes];
        alignas(64) float moments[kMoments][kLanes] = {};
        for (int i = 0; i < n; ++i) {
            const uint32_t rank = rank_of_place[first + i];
            batch[i] = ids[rank];
            add_slots(task, rank, row);
            write_sums(task.layout, row, task.sums + static_cast<size_t>(batch[i]) * task.layout.channels);
            if (task.gradients)
                for (int m = 0; m < kMoments; ++m) moments[m][i] = task.layout.pairs(row)[2 * m + 1];
        }
        if (task.gradients) project_backward(task.plan, *task.gaussians, batch, n, moments, *task.gradients);
    }
}

}  // namespace

void reduce(const Plan& plan, const RowLayout& layout, const Slots& slots, float* sums, const Gaussians* gaussians,
            const GeometryGradients* gradients, int threads) {
    const Task task{plan, layout, slots, sums, gaussians, gradients};
    const Buffer rows(sizeof(float) * layout.floats() * threads);
    parallel_for((plan.count + kGroup - 1) / kGroup, threads, [&](int64_t group, int worker) {
        reduce_group(task, group, rows.as<float>() + static_cast<size_t>(layout.floats()) * worker);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
