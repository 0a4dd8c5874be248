// Scratch memory that is used again: pages of a fresh allocation cost more than the arithmetic done on them.
#pragma once

#include <cstddef>

namespace splatseg {

// A number of bytes, rounded up to whole cache lines.
static constexpr size_t whole_lines(size_t bytes) { return (bytes + 63) / 64 * 64; }

// 64-byte aligned, uninitialised, movable. Its memory comes from and returns to a pool of bounded size.
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(size_t bytes);  // throws std::bad_alloc
    ~Buffer();
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    template <class T>
    T* as() const {
        return static_cast<T*>(data_);
    }

private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
};

// Gives the memory of the pool, and what the C library keeps of freed memory, back to the system.
void free_scratch();

// Makes the C library take memory for all later threads from one heap. Otherwise each of up to 8 a core has a heap of
// its own, and what is free at its top never goes back to the system.
void use_one_heap();

}  // namespace splatseg
