// out = A^T diag(s) A x, for a sparse A: each row is read once, for both products.
//
// Rows are dealt into parts that depend on their number alone; each part sums for itself, and the sums are added in the
// order of the parts. So the result is the same for any number of threads.
#include <algorithm>

#include "memory/buffer.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "sparse/sparse.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

constexpr int64_t kMostParts = 32, kRowsAPart = 2048;  // at most so many parts, at least so many rows each

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

void gram_product(const SparseMatrix& matrix, const float* scales, const float* dense, int64_t channels, double* out,
                  int threads) {
    if (channels == 0 || matrix.width == 0) return;
    const int64_t stride = whole_vectors(channels), size = matrix.width * stride;
    const int64_t parts = std::clamp<int64_t>(matrix.height / kRowsAPart, 1, kMostParts);
    const Buffer padded(sizeof(float) * size), sums(sizeof(float) * size * parts);
    const Buffer inner(sizeof(float) * stride * threads);
    std::memset(padded.as<float>(), 0, sizeof(float) * size);
    for (int64_t m = 0; m < matrix.width; ++m)
        std::memcpy(padded.as<float>() + m * stride, dense + m * channels, sizeof(float) * channels);
    const SparseRow* rows = matrix.rows.as<SparseRow>();
    parallel_for(parts, threads, [&](int64_t part, int worker) {
        float *own = sums.as<float>() + part * size, *mine = inner.as<float>() + worker * stride;
        std::memset(own, 0, sizeof(float) * size);
        const int64_t end = matrix.height * (part + 1) / parts;
        for (int64_t r = matrix.height * part / parts; r < end; ++r) {
            if (rows[r].count == 0 || scales[rows[r].row] == 0.0f) continue;
            gather(rows[r], padded.as<float>(), stride, mine);
            scatter(rows[r], scales[rows[r].row], mine, stride, own);
        }
    });
    parallel_for(matrix.width, threads, [&](int64_t m, int) {
        for (int64_t c = 0; c < channels; ++c) {
            double sum = 0.0;
            for (int64_t part = 0; part < parts; ++part) sum += sums.as<float>()[part * size + m * stride + c];
            out[m * channels + c] = sum;
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
