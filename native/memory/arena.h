// Memory for many small arrays, as their number and sizes turn out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/buffer.h"

namespace splatseg {

// Memory that is only added to, in pieces that never move. Of one thread at a time.
class Arena {
public:
    Arena();
    ~Arena();
    Arena(Arena&&) noexcept;
    Arena& operator=(Arena&&) noexcept;

    uint32_t* take(size_t words);  // of 4 bytes; of none, it may be null
    size_t bytes() const { return bytes_; }

private:
    std::vector<Buffer> pieces_;
    uint32_t* next_ = nullptr;
    size_t left_ = 0, bytes_ = 0;
};

}  // namespace splatseg
