// The exact median of very many lengths that come some after the other, in bounded memory. Level-independent.
#pragma once

#include <cstdint>
#include <vector>

namespace splatseg {

// Few lengths are kept. Of many it is counted how often each number near the expected median occurs, and how many there
// are in each 65,536th of all that a float can be. If the median is not among those that were counted one by one, it is
// known by then where it is, and all lengths must be added once more.
// Lengths must not be below 0: then their bits are in order as they are.
class Lengths {
public:
    // `total` lengths; more than `kept` are not kept.
    Lengths(int64_t total, int64_t kept);

    bool counts() const { return counts_; }
    void expect(float median);  // before the first is added, if they are counted
    void add(const float* lengths, int64_t count);

    // Whether the median is known. If not, all lengths must be added anew.
    bool complete();

    // Mean of the two middle ones of an even number.
    float median() const;

private:
    struct Window {  // lengths counted one by one
        uint32_t from = 0;
        int64_t below = 0;
        std::vector<int64_t> counts;
    };

    const Window* window_of(int64_t rank) const;
    float at_rank(int64_t rank) const;

    int64_t total_;
    bool counts_;
    std::vector<float> lengths_;
    std::vector<int64_t> coarse_;  // by the first 16 bits
    std::vector<Window> windows_;
};

}  // namespace splatseg
