// Pieces of half a megabyte; an array that is larger gets a piece of its own.
#include "memory/arena.h"

namespace splatseg {
namespace {

constexpr size_t kPiece = size_t{1} << 17;  // words of a piece: half a megabyte

}  // namespace

Arena::Arena() = default;
Arena::~Arena() = default;
Arena::Arena(Arena&&) noexcept = default;
Arena& Arena::operator=(Arena&&) noexcept = default;

uint32_t* Arena::take(size_t words) {
    if (words > left_) {
        const size_t piece = words > kPiece ? words : kPiece;
        pieces_.emplace_back(sizeof(uint32_t) * piece);
        left_ = piece;
        bytes_ += sizeof(uint32_t) * piece;
        next_ = pieces_.back().as<uint32_t>();
    }
    uint32_t* taken = next_;
    next_ += words;
    left_ -= words;
    return taken;
}

}  // namespace splatseg
