// A sparse matrix, or its transpose, times a dense one of any number of channels. Every row of the result is summed by
// one thread, in an order fixed by the matrix.
#include <algorithm>
#include <utility>

#include "memory/buffer.h"
#include "simd/simd.h"
#include "simd/stages.h"
#include "sparse/sparse.h"
#include "threads/parallel.h"

namespace splatseg::SPLATSEG_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kMaxVectors = 6;  // accumulators, twice
#elif defined(__AVX__) || defined(__aarch64__)
constexpr int kMaxVectors = 3;
#else
constexpr int kMaxVectors = 1;
#endif
constexpr int64_t kRowsAtOnce = 256;

// Rows of the dense matrix, read in whole vectors. The last rows are read from a copy with room behind it.
struct Table {
    const float *rows, *last_rows;
    int64_t safe;  // rows from which no vector leaves the table
    int channels;
    const float* row(uint32_t index) const {
        return index < safe ? rows + index * static_cast<int64_t>(channels)
                            : last_rows + (index - safe) * static_cast<int64_t>(channels);
    }
};

// out (channels `first` on, kVectors vectors of them) = row x table
template <int kVectors>
void product(const SparseRow& row, const Table& table, int first, float* out) {
    Vec even[kVectors], odd[kVectors];  // two chains: half the wait
    SPLATSEG_UNROLL
    for (int v = 0; v < kVectors; ++v) even[v] = odd[v] = broadcast(0.0f);
    uint32_t j = 0;
    for (; j + 1 < row.count; j += 2) {
        const float *f = table.row(row.columns[j]) + first, *g = table.row(row.columns[j + 1]) + first;
        const Vec w = broadcast(row.weights[j]), x = broadcast(row.weights[j + 1]);
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) {
            even[v] = fma(w, load(f + v * kLanes), even[v]);
            odd[v] = fma(x, load(g + v * kLanes), odd[v]);
        }
    }
    if (j < row.count) {
        const float* f = table.row(row.columns[j]) + first;
        const Vec w = broadcast(row.weights[j]);
        SPLATSEG_UNROLL
        for (int v = 0; v < kVectors; ++v) even[v] = fma(w, load(f + v * kLanes), even[v]);
    }
    const int left = table.channels - first;
    SPLATSEG_UNROLL
    for (int v = 0; v < kVectors; ++v) {
        if (left >= (v + 1) * kLanes)
            store(out + v * kLanes, even[v] + odd[v]);
        else
            store_lanes(out + v * kLanes, even[v] + odd[v], first_lanes(left - v * kLanes));
    }
}

using Product = void (*)(const SparseRow&, const Table&, int, float*);

Product choose_product(int vectors) {
    constexpr Product kProducts[] = {product<1>,
#if defined(__AVX__) || defined(__aarch64__)
                                     product<2>, product<3>,
#endif
#if defined(__AVX512F__)
                                     product<4>, product<5>,
                                     product<6>
#endif
    };
    return kProducts[vectors - 1];
}

void product_row(const SparseRow& row, const Table& table, float* out) {
    for (int first = 0; first < table.channels; first += kMaxVectors * kLanes) {
        const int vectors = (table.channels - first + kLanes - 1) / kLanes;
        choose_product(vectors < kMaxVectors ? vectors : kMaxVectors)(row, table, first, out + first);
    }
}

SPLATSEG_INLINE void prefetch_row(const SparseRow& row, const Table& table) {
    for (uint32_t j = 0; j < row.count; ++j) {
        const float* f = table.rows + row.columns[j] * static_cast<int64_t>(table.channels);
        for (int c = 0; c < table.channels; c += kLanes) __builtin_prefetch(f + c);
    }
}

// out[column] += weight * values, channel by channel.
SPLATSEG_INLINE void add_scaled(float weight, const float* values, int channels, float* out) {
    int c = 0;
    for (; c + kLanes <= channels; c += kLanes) store(out + c, fma(broadcast(weight), load(values + c), load(out + c)));
    for (; c < channels; ++c) out[c] += weight * values[c];
}

struct Columns {  // [begin, end)
    uint32_t begin, end;
};

// Places in a row of the entries whose column is in a range. Without branches: who is inside cannot be foretold.
SPLATSEG_INLINE uint32_t inside(const SparseRow& row, Columns range, uint32_t* places) {
    uint32_t n = 0;
    for (uint32_t j = 0; j < row.count; ++j) {
        places[n] = j;
        n += row.columns[j] - range.begin < range.end - range.begin;
    }
    return n;
}

}  // namespace

void sparse_product(const SparseMatrix& matrix, const float* dense, int64_t channels, float* out, int threads) {
    if (channels == 0 || matrix.height == 0) return;
    const int64_t whole = whole_vectors(channels);
    const int64_t unsafe = (whole - 1) / channels;
    const int64_t safe = matrix.width > unsafe ? matrix.width - unsafe : 0;
    const size_t last_bytes = sizeof(float) * (matrix.width - safe) * channels;
    const Buffer last(last_bytes + sizeof(float) * whole);
    if (last_bytes) std::memcpy(last.as<char>(), dense + safe * channels, last_bytes);
    const Table table{dense, last.as<float>(), safe, static_cast<int>(channels)};
    parallel_ranges(matrix.height, kRowsAtOnce, threads, [&](int64_t begin, int64_t end, int) {
        SparseRow next = row_at(matrix, begin);
        for (int64_t r = begin; r < end; ++r) {
            const SparseRow row = next;
            if (r + 1 < end) prefetch_row(next = row_at(matrix, r + 1), table);
            product_row(row, table, out + row.row * channels);
        }
    });
}

// Every thread has columns of its own and goes through all rows: what a column sums, and in which order, does not
// depend on the number of threads. Rows of one tile have columns in common, which stay in the cache.
void sparse_transposed_product(const SparseMatrix& matrix, const float* dense, int64_t channels, float* out,
                               int threads) {
    if (channels == 0 || matrix.width == 0) return;
    const int count = static_cast<int>(channels);
    uint32_t longest = 0;
    for (int64_t r = 0; r < matrix.height; ++r) longest = std::max(longest, row_at(matrix, r).count);
    const Buffer places(sizeof(uint32_t) * (longest + 1) * 2 * threads);
    parallel_for(threads, threads, [&](int64_t part, int) {
        const Columns range{static_cast<uint32_t>(matrix.width * part / threads),
                            static_cast<uint32_t>(matrix.width * (part + 1) / threads)};
        std::memset(out + range.begin * channels, 0, sizeof(float) * (range.end - range.begin) * channels);
        uint32_t* now = places.as<uint32_t>() + part * 2 * (longest + 1);
        uint32_t* next = now + longest + 1;
        const auto find = [&](const SparseRow& row) {  // one row ahead of its use
            const uint32_t n = inside(row, range, next);
            for (uint32_t i = 0; i < n; ++i)
                for (int c = 0; c < count; c += kLanes)
                    __builtin_prefetch(out + row.columns[next[i]] * channels + c, 1);
            return n;
        };
        uint32_t found = matrix.height ? find(row_at(matrix, 0)) : 0;
        for (int64_t r = 0; r < matrix.height; ++r) {
            const SparseRow row = row_at(matrix, r);
            const uint32_t n = found;
            std::swap(now, next);
            if (r + 1 < matrix.height) found = find(row_at(matrix, r + 1));
            const float* values = dense + row.row * channels;
            for (uint32_t i = 0; i < n; ++i)
                add_scaled(row.weights[now[i]], values, count, out + row.columns[now[i]] * channels);
        }
    });
}

}  // namespace splatseg::SPLATSEG_LEVEL
