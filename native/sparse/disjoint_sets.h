// Things that chains of pairs join. Level-independent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace splatseg {

// Disjoint sets of 0..count - 1, each named by its lowest member, so that the order of joining does not show.
class DisjointSets {
public:
    explicit DisjointSets(int64_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }

    int32_t lowest(int32_t member) {
        while (parent_[member] != member) member = parent_[member] = parent_[parent_[member]];  // halves the path
        return member;
    }

    void join(int32_t a, int32_t b) {
        a = lowest(a), b = lowest(b);
        if (a != b) parent_[std::max(a, b)] = std::min(a, b);
    }

private:
    std::vector<int32_t> parent_;
};

}  // namespace splatseg
