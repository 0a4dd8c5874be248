// Counts by the bits of lengths: a radix sort that only finds one rank.
#include "points/lengths.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace splatseg {
namespace {

constexpr uint32_t kCoarse = 1 << 16, kFine = 1 << 20;  // the fine ones are an eighth of an octave

// The digit that holds the value at `rank`, which becomes the rank within the digit.
uint32_t digit_of(const std::vector<int64_t>& counts, int64_t& rank) {
    uint32_t digit = 0;
    while (rank >= counts[digit]) rank -= counts[digit++];
    return digit;
}

// The value at `rank` of those in order.
float at_rank_of(const std::vector<float>& values, int64_t rank) {
    uint32_t prefix = 0;
    for (const int shift : {16, 0}) {
        std::vector<int64_t> counts(kCoarse, 0);
        for (const float value : values) {
            const uint32_t b = std::bit_cast<uint32_t>(value);
            if (shift == 16 || b >> 16 == prefix >> 16) ++counts[b >> shift & 0xffff];
        }
        prefix |= digit_of(counts, rank) << shift;
    }
    return std::bit_cast<float>(prefix);
}

int64_t sum_of(const std::vector<int64_t>& counts) { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

}  // namespace

Lengths::Lengths(int64_t total, int64_t kept) : total_(total), counts_(total > kept) {
    if (!counts_) lengths_.reserve(total);
}

void Lengths::expect(float median) {
    const uint32_t middle = std::bit_cast<uint32_t>(median);
    windows_.assign(1, {std::max(middle, kFine / 2) - kFine / 2, 0, std::vector<int64_t>(kFine, 0)});
    coarse_.assign(kCoarse, 0);
}

void Lengths::add(const float* lengths, int64_t count) {
    if (!counts_) {
        lengths_.insert(lengths_.end(), lengths, lengths + count);
        return;
    }
    for (int64_t i = 0; i < count; ++i) {
        const uint32_t bits = std::bit_cast<uint32_t>(lengths[i]);
        ++coarse_[bits >> 16];
        for (Window& window : windows_) {
            window.below += bits < window.from;
            if (bits - window.from < window.counts.size()) ++window.counts[bits - window.from];
        }
    }
}

bool Lengths::complete() {
    if (!counts_ || (window_of((total_ - 1) / 2) && window_of(total_ / 2))) return true;
    windows_.clear();
    for (int64_t rank : {(total_ - 1) / 2, total_ / 2})
        windows_.push_back({digit_of(coarse_, rank) << 16, 0, std::vector<int64_t>(kCoarse, 0)});
    coarse_.assign(kCoarse, 0);
    return false;
}

const Lengths::Window* Lengths::window_of(int64_t rank) const {
    for (const Window& window : windows_)
        if (window.below <= rank && rank < window.below + sum_of(window.counts)) return &window;
    return nullptr;
}

float Lengths::at_rank(int64_t rank) const {
    if (!counts_) return at_rank_of(lengths_, rank);
    const Window* window = window_of(rank);
    rank -= window->below;
    return std::bit_cast<float>(window->from + digit_of(window->counts, rank));
}

float Lengths::median() const {
    const float upper = at_rank(total_ / 2);
    return total_ % 2 ? upper : 0.5f * (at_rank(total_ / 2 - 1) + upper);
}

}  // namespace splatseg
