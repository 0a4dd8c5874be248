// Sparse matrices of weights: pixels x Gaussians, Gaussians x pixels, Gaussians x labels. Level-independent.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/buffer.h"

namespace splatseg {

struct Kernels;
struct Plan;

// Memory that is only added to, in pieces that never move. Of one thread at a time.
class Arena {
public:
    Arena();
    ~Arena();
    Arena(Arena&&) noexcept;
    Arena& operator=(Arena&&) noexcept;

    uint32_t* take(size_t words);  // of 4 bytes
    size_t bytes() const { return bytes_; }

private:
    std::vector<Buffer> pieces_;
    uint32_t* next_ = nullptr;
    size_t left_ = 0, bytes_ = 0;
};

struct SparseRow {
    const uint32_t* columns;
    const float* weights;
    uint32_t count, row;
};

struct SparseMatrix {
    int64_t height = 0, width = 0;
    uint64_t entries = 0;
    Buffer rows;                // SparseRow (height,), in any order
    std::vector<Arena> arenas;  // what the rows point to

    size_t bytes() const;
};

// Sampled pixels, tile by tile. G tiles have any.
struct PixelGroups {
    const int64_t* pixels;  // (P,2) x, y
    const uint32_t* order;  // (P,) pixels tile by tile; in the order given within a tile
    const uint32_t* tiles;  // (G,)
    const uint32_t* first;  // (G+1,) where a tile's pixels start in `order`
    int64_t count;          // G
    uint32_t longest;       // entries of the longest tile list among those tiles
};

// The weights (P,N) of all Gaussians that contribute to sampled pixels (P,2), front to back.
SparseMatrix pixel_weights(const Kernels& kernels, const Plan& plan, const int64_t* pixels, int64_t count, int threads);

// The CSR matrix that is in the memory of others, who keep it. Throws std::invalid_argument for rows that do not follow
// one another and for columns outside 0..width - 1.
SparseMatrix borrowed_csr(const int64_t* indptr, const int32_t* columns, const float* weights, int64_t height,
                          int64_t width, int threads);

// indptr (height + 1,), columns and weights (entries,), rows ascending.
void write_csr(const SparseMatrix& matrix, int64_t* indptr, int32_t* columns, float* weights, int threads);

}  // namespace splatseg
