// From the slots of the tiles to the gradients of the Gaussians, in the order of their indices: what is read and
// written for a Gaussian lies beside that of its neighbour, only the slots are scattered.
#include "raster/reduce.h"

#include <algorithm>

#include "raster/project_backward.h"
#include "simd/simd.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

struct Task {
    const Plan& plan;
    const RowLayout& layout;
    const Slots& slots;
    float* sums;
    const Gaussians* gaussians;
    const GeometryGradients* gradients;
    const GrowthStatistics& growth;
};

void zero_group(const Task& task, int64_t first, int64_t count) {
    // Not memset, which may have no null pointer: without channels there are no sums.
    const auto zero = [&](float* p, int width) { std::fill_n(p + first * width, count * width, 0.0f); };
    zero(task.sums, task.layout.channels);
    if (!task.gradients) return;
    zero(task.gradients->means, 3);
    zero(task.gradients->quats, 4);
    zero(task.gradients->scales, 3);
    zero(task.gradients->opacities, 1);
    zero(task.gradients->means2d, 2);
}

// The gradients of means2d are in the cache: they were just written.
void add_growth(const Task& task, const uint32_t* ids, int n) {
    const float half_width = 0.5f * static_cast<float>(task.plan.camera.width);
    const float half_height = 0.5f * static_cast<float>(task.plan.camera.height);
    for (int i = 0; i < n; ++i) {
        const float* gradient = task.gradients->means2d + static_cast<size_t>(ids[i]) * 2;
        const float x = gradient[0] * half_width, y = gradient[1] * half_height, square = x * x + y * y;
        if (square < 3.0e38f) task.growth.gradient_sum[ids[i]] += __builtin_sqrtf(square);  // false for NaN
    }
}

SPLATSEG_INLINE void prefetch_slots(const Task& task, uint32_t id) {
    const uint32_t* first = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entries = task.plan.entry_of_touch.as<uint32_t>();
    for (uint32_t touch = first[id]; touch < first[id + 1]; ++touch) {
        __builtin_prefetch(task.slots.touched + entries[touch]);
        const float* row = task.slots.rows + static_cast<size_t>(entries[touch]) * task.layout.floats();
        for (int v = 0; v < task.layout.vectors; ++v) __builtin_prefetch(row + v * kLanes);
    }
}

SPLATSEG_INLINE void add_slots(const Task& task, uint32_t id, float* row) {
    const uint32_t* first = task.plan.first_touch.as<uint32_t>();
    const uint32_t* entries = task.plan.entry_of_touch.as<uint32_t>();
    const int floats = task.layout.floats();
    for (int at = 0; at < floats; at += kLanes) {
        Vec sum = broadcast(0.0f);
        for (uint32_t touch = first[id]; touch < first[id + 1]; ++touch)
            if (task.slots.touched[entries[touch]])
                sum = sum + load(task.slots.rows + static_cast<size_t>(entries[touch]) * floats + at);
        store(row + at, sum);
    }
}

SPLATSEG_INLINE void write_sums(const RowLayout& layout, const float* row, float* out) {
    for (int first = 0; first < layout.grouped(); first += kLanes)
        store_lanes(out + first, load(row + first), first_lanes(layout.grouped() - first));
    for (int c = 0; c < layout.tail(); ++c) out[layout.grouped() + c] = row[layout.tail_at() + c];
}

// 16 Gaussians with a touch at a time, as the projection wants them. Their slots are fetched one batch ahead.
void reduce_group(const Task& task, uint32_t begin, uint32_t end, float* row) {
    const uint32_t* first_touch = task.plan.first_touch.as<uint32_t>();
    uint32_t next = begin;
    zero_group(task, next, end - next);
    const auto find_batch = [&](uint32_t (&ids)[kLanes]) {
        int n = 0;
        for (; next < end && n < kLanes; ++next)
            if (first_touch[next] < first_touch[next + 1]) {
                prefetch_slots(task, next);
                ids[n++] = next;
            }
        return n;
    };
    uint32_t ids[kLanes], following[kLanes];
    for (int n = find_batch(ids), n_following; n > 0; n = n_following) {
        n_following = find_batch(following);
        alignas(64) float moments[kMoments][kLanes] = {};
        for (int i = 0; i < n; ++i) {
            add_slots(task, ids[i], row);
            write_sums(task.layout, row, task.sums + static_cast<size_t>(ids[i]) * task.layout.channels);
            if (task.gradients)
                for (int m = 0; m < kMoments; ++m) moments[m][i] = row[task.layout.moments_at() + m];
        }
        if (task.gradients) project_backward(task.plan, *task.gaussians, ids, n, moments, *task.gradients);
        if (task.growth.gradient_sum) add_growth(task, ids, n);
        std::memcpy(ids, following, sizeof(ids));
    }
    if (task.growth.views)
        for (uint32_t id = begin; id < end; ++id) task.growth.views[id] += task.growth.radii[id] > 0 ? 1.0f : 0.0f;
}

}  // namespace

void reduce(const Plan& plan, const RowLayout& layout, const Slots& slots, float* sums, const Gaussians* gaussians,
            const GeometryGradients* gradients, const GrowthStatistics& growth, int threads) {
    const Task task{plan, layout, slots, sums, gaussians, gradients, growth};
    const Buffer rows(sizeof(float) * layout.floats() * threads);
    parallel_ranges(plan.count, kGroup, threads, [&](int64_t begin, int64_t end, int worker) {
        reduce_group(task, static_cast<uint32_t>(begin), static_cast<uint32_t>(end),
                     rows.as<float>() + static_cast<size_t>(layout.floats()) * worker);
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
