// Sums over the rows of matrices that come block by block: each is the same wherever the blocks end.
#include <algorithm>
#include <vector>

#include "simd/lanes.h"
#include "sparse/sparse.h"
#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int64_t kMostParts = 32, kRowsAPart = 2048;  // at most so many parts, at least so many rows each

}  // namespace

GramSums gram_sums(int64_t height, int64_t width, const float* dense, int64_t channels, int64_t room, int threads) {
    GramSums sums;
    sums.height = height;
    sums.width = width;
    sums.channels = channels;
    sums.stride = whole_vectors(channels);
    sums.parts = std::clamp<int64_t>(height / kRowsAPart, 1, kMostParts);
    const size_t size = static_cast<size_t>(width * sums.stride);
    sums.dense = Buffer(sizeof(float) * size);
    // As many for each thread, so that none waits for another at the end of a round.
    const int64_t fit = room / std::max<int64_t>(sizeof(float) * size, 1);
    sums.at_once = std::min(sums.parts, fit >= sums.parts ? fit : std::max<int64_t>(fit / threads, 1) * threads);
    sums.of_parts = Buffer(sizeof(float) * size * sums.at_once);
    std::fill_n(sums.dense.as<float>(), size, 0.0f);
    for (int64_t m = 0; m < width; ++m)
        std::copy_n(dense + m * channels, channels, sums.dense.as<float>() + m * sums.stride);
    return sums;
}

void add_parts(GramSums& sums, double* out, int threads) {
    const int64_t size = sums.width * sums.stride;
    parallel_for(sums.width, threads, [&](int64_t m, int) {
        for (int64_t c = 0; c < sums.channels; ++c) {
            double sum = out[m * sums.channels + c];
            for (int64_t part = 0; part < sums.of_round(); ++part)
                sum += sums.of_parts.as<float>()[part * size + m * sums.stride + c];
            out[m * sums.channels + c] = sum;
        }
    });
    sums.added += sums.of_round();
    sums.shares = 0;
}

void add_columns(const SparseMatrix& matrix, double* sums) {
    for (int64_t r = 0; r < matrix.height; ++r) {
        const SparseRow row = row_at(matrix, r);
        for (uint32_t j = 0; j < row.count; ++j) sums[row.columns[j]] += row.weights[j];
    }
}

void add_to_groups(const float* values, const int32_t* groups, int64_t count, int64_t channels, float* sums) {
    for (int64_t i = 0; i < count; ++i) {
        if (groups[i] < 0) continue;
        float* to = sums + groups[i] * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] += values[i * channels + c];
    }
}

bool order_by_group(const int32_t* groups, int64_t count, const int64_t* first, int64_t group_count, int32_t* order) {
    std::vector<int64_t> next(first, first + group_count);
    for (int64_t i = 0; i < count; ++i) {  // nothing is written before all have room
        if (groups[i] >= group_count) return false;
        if (groups[i] >= 0) ++next[groups[i]];
    }
    if (!std::equal(next.begin(), next.end(), first + 1)) return false;
    std::copy(first, first + group_count, next.begin());
    for (int64_t i = 0; i < count; ++i)
        if (groups[i] >= 0) order[next[groups[i]]++] = static_cast<int32_t>(i);
    return true;
}

}  // namespace splatseg
