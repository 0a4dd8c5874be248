// out = A^T diag(s) A x, for a sparse A: each row is read once, for both products.
//
// Rows are dealt into parts that depend on their number alone; each part sums for itself, and the sums are added in the
// order of the parts. So the result is the same for any number of threads; for any number of shares in which the rows
// of every part are taken, in their order, which is how a matrix passes that does not fit into memory; and for any
// number of parts that are summed at once.
#include <algorithm>
#include <cstring>

#include "memory/buffer.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "sparse/sparse.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

// inner (padded channels) = row x dense (width, stride)
SPLATSEG_INLINE void gather(const SparseRow& row, const float* dense, int64_t stride, float* inner) {
    constexpr int kVectors = 4;
    for (int64_t c = 0; c < stride; c += kVectors * kLanes) {
        const int vectors = static_cast<int>(std::min<int64_t>(kVectors, (stride - c) / kLanes));
        Vec sums[kVectors];
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) sums[v] = broadcast(0.0f);
        if (vectors == kVectors) {
            for (uint32_t j = 0; j < row.count; ++j) {
                const float* x = dense + row.columns[j] * stride + c;
                const Vec w = broadcast(row.weights[j]);
                SPLATSEG_UNROLL
                for (int v = 0; v < kVectors; ++v) sums[v] = fma(w, load(x + v * kLanes), sums[v]);
            }
        } else {
            for (uint32_t j = 0; j < row.count; ++j) {
                const float* x = dense + row.columns[j] * stride + c;
                const Vec w = broadcast(row.weights[j]);
                for (int v = 0; v < vectors; ++v) sums[v] = fma(w, load(x + v * kLanes), sums[v]);
            }
        }
        for (int v = 0; v < vectors; ++v) store(inner + c + v * kLanes, sums[v]);
    }
}

// out (width, stride) += scale * row^T x inner
SPLATSEG_INLINE void scatter(const SparseRow& row, float scale, const float* inner, int64_t stride, float* out) {
    for (uint32_t j = 0; j < row.count; ++j) {
        float* to = out + row.columns[j] * stride;
        const Vec w = broadcast(scale * row.weights[j]);
        for (int64_t c = 0; c < stride; c += kLanes) store(to + c, fma(w, load(inner + c), load(to + c)));
    }
}

}  // namespace

void gram_product(const SparseMatrix& matrix, const float* scales, const GramSums& sums, Share share, int threads) {
    if (sums.channels == 0 || matrix.width == 0) return;
    const int64_t stride = sums.stride, size = matrix.width * stride;
    const Buffer inner(sizeof(float) * stride * threads);
    parallel_for(sums.of_round(), threads, [&](int64_t place, int worker) {
        const int64_t part = sums.added + place;
        float *own = sums.of_parts.as<float>() + place * size, *mine = inner.as<float>() + worker * stride;
        if (share.index == 0) std::memset(own, 0, sizeof(float) * size);
        const int64_t first = matrix.height * part / sums.parts;
        const int64_t rows = matrix.height * (part + 1) / sums.parts - first;
        const int64_t end = first + rows * (share.index + 1) / share.count;
        for (int64_t r = first + rows * share.index / share.count; r < end; ++r) {
            const SparseRow row = row_at(matrix, r);
            if (row.count == 0 || scales[row.row] == 0.0f) continue;
            gather(row, sums.dense.as<float>(), stride, mine);
            scatter(row, scales[row.row], mine, stride, own);
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
