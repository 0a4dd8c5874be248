// A pool of freed blocks: the best fit is handed out again, up to kKept bytes are kept. Where none is large enough, a
// larger one takes the place of one that nearly was: what a purpose needs differs a little from call to call, and
// without this the pool would keep a block of every size that it ever had.
#include "memory/buffer.h"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr size_t kKept = size_t(512) << 20;
constexpr size_t kMost = SIZE_MAX / 4;
constexpr size_t kHugePage = size_t(2) << 20;

struct Block {
    void* data;
    size_t bytes;
};

struct Pool {
    ForkSafeMutex mutex;
    std::vector<Block> blocks;
    size_t kept = 0;
};

Pool& pool() {
    static Pool* instance = new Pool;  // never destroyed: buffers may outlive static destruction
    return *instance;
}

// Makes room for one more, if there is memory for it: a destructor must not throw.
bool has_room(std::vector<Block>& blocks) noexcept {
    try {
        if (blocks.size() == blocks.capacity()) blocks.reserve(2 * blocks.size() + 16);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void* allocate(size_t bytes) {
    // Large blocks lie on huge pages, where there are any: one page fault for 2 MB instead of 512.
    const size_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
#if defined(_WIN32)
    void* data = _aligned_malloc(bytes, alignment);
#else
    void* data = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
#endif
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    if (alignment == kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
    return data;
}

void release(void* data) {
#if defined(_WIN32)
    _aligned_free(data);
#else
    std::free(data);
#endif
}

// Takes a block out of the pool.
Block take(Pool& p, size_t index) {
    const Block block = p.blocks[index];
    p.kept -= block.bytes;
    p.blocks[index] = p.blocks.back();
    p.blocks.pop_back();
    return block;
}

constexpr size_t kNone = SIZE_MAX;

// The smallest block that holds `bytes`, but at most about twice as many, or memory lies idle; kNone if there is none.
size_t best_fit(const Pool& p, size_t bytes) {
    size_t best = kNone;
    for (size_t i = 0; i < p.blocks.size(); ++i) {
        const size_t size = p.blocks[i].bytes;
        if (size >= bytes && size <= 2 * bytes + 4096 && (best == kNone || size < p.blocks[best].bytes)) best = i;
    }
    return best;
}

// The largest block that is smaller than `bytes` and at least half as large; kNone if there is none.
size_t nearly_fit(const Pool& p, size_t bytes) {
    size_t best = kNone;
    for (size_t i = 0; i < p.blocks.size(); ++i) {
        const size_t size = p.blocks[i].bytes;
        if (size < bytes && size >= bytes / 2 && (best == kNone || size > p.blocks[best].bytes)) best = i;
    }
    return best;
}

}  // namespace

Buffer::Buffer(size_t bytes) : bytes_(bytes < 64 ? 64 : whole_lines(bytes)) {
    if (bytes > kMost) throw std::bad_alloc();  // rounded up it would wrap around to a few bytes
    Pool& p = pool();
    void* nearly = nullptr;
    {
        std::lock_guard<ForkSafeMutex> lock(p.mutex);
        if (const size_t best = best_fit(p, bytes_); best != kNone) {
            const Block block = take(p, best);
            data_ = block.data;
            bytes_ = block.bytes;
            return;
        }
        if (const size_t best = nearly_fit(p, bytes_); best != kNone) nearly = take(p, best).data;
    }
    if (nearly) release(nearly);
    bytes_ += bytes_ / 8 / 64 * 64;  // room for a scene that grows a little
    data_ = allocate(bytes_);
}

Buffer::~Buffer() {
    if (!data_) return;
    Pool& p = pool();
    {
        std::lock_guard<ForkSafeMutex> lock(p.mutex);
        // The oldest blocks go first: a scene that has grown never asks for their size again.
        while (!p.blocks.empty() && p.kept + bytes_ > kKept) {
            p.kept -= p.blocks.front().bytes;
            release(p.blocks.front().data);
            p.blocks.erase(p.blocks.begin());
        }
        if (bytes_ <= kKept && has_room(p.blocks)) {
            p.blocks.push_back({data_, bytes_});
            p.kept += bytes_;
            data_ = nullptr;
        }
    }
    if (data_) release(data_);
}

void free_scratch() {
    Pool& p = pool();
    std::vector<Block> blocks;
    {
        std::lock_guard<ForkSafeMutex> lock(p.mutex);
        blocks.swap(p.blocks);
        p.kept = 0;
    }
    for (const Block& block : blocks) release(block.data);
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void use_one_heap() {
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, 1);
#endif
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

}  // namespace splatseg
