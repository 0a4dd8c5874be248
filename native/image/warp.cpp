// Pictures as another lens would have taken them, row by row.
#include "image/warp.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "threads/parallel.h"

namespace splatseg {
namespace {

constexpr int kRows = 16;  // rows of a work item

// Calls at(pixel, x, y) for the pixels of row `v` that lie in the old picture, and beside(pixel) for the others. Cells
// that lie so far inside that the four pixels of a mean do, and two more to their right, are left to
// inside(pixel, count, x, y, dx, dy): the first pixel, how many, its place, and the way to the next.
template <class Inside, class At, class Beside>
void along_row(const WarpMap& map, int v, const Inside& inside, const At& at, const Beside& beside) {
    const float right = static_cast<float>(map.old_width), bottom = static_cast<float>(map.old_height);
    const auto one = [&](int u, float x, float y) {
        // NaN fails all comparisons.
        if (x >= 0.0f && y >= 0.0f && x < right && y < bottom)
            at(u, x, y);
        else
            beside(u);
    };
    if (map.step == 0) {
        const float* places = map.places + int64_t{2} * map.width * v;
        for (int u = 0; u < map.width; ++u) one(u, places[2 * u], places[2 * u + 1]);
        return;
    }
    const float below = (static_cast<float>(v % map.step) + 0.5f) / static_cast<float>(map.step);
    const float* upper = map.places + int64_t{2} * map.columns * (v / map.step);
    const float* lower = upper + 2 * map.columns;
    const auto between = [&](int i) { return upper[i] + below * (lower[i] - upper[i]); };
    float x = between(0), y = between(1);
    for (int column = 0, u = 0; u < map.width; ++column) {
        const float next_x = between(2 * column + 2), next_y = between(2 * column + 3);
        const float dx = (next_x - x) / static_cast<float>(map.step), dy = (next_y - y) / static_cast<float>(map.step);
        const int end = std::min(map.width, u + map.step);
        // Each by itself: std::min and std::max pass over a NaN.
        const bool within = x >= 1.0f && next_x >= 1.0f && x < right - 4.0f && next_x < right - 4.0f && y >= 1.0f &&
                            next_y >= 1.0f && y < bottom - 2.0f && next_y < bottom - 2.0f;
        if (within && inside(u, end - u, x + 0.5f * dx, y + 0.5f * dy, dx, dy)) {
            u = end;
        } else {
            for (int i = 0; u < end; ++u, ++i) {
                const float along = static_cast<float>(i) + 0.5f;
                one(u, x + along * dx, y + along * dy);
            }
        }
        x = next_x, y = next_y;
    }
}

// The two pixels whose mean a place takes along one axis, at the border the same one twice.
struct Pair {
    int first, second;
    float share;  // of the second
};

Pair pair_at(float place, int count) {
    const float from_centre = std::max(place - 0.5f, 0.0f);
    const int first = static_cast<int>(from_centre);
    return {first, std::min(first + 1, count - 1), from_centre - static_cast<float>(first)};
}

template <class T, class Mean>
void mean_at(const WarpMap& map, const T* old_picture, int channels, float x, float y, const Mean& mean, T* pixel) {
    const Pair across = pair_at(x, map.old_width), down = pair_at(y, map.old_height);
    const int64_t stride = int64_t{map.old_width} * channels;
    const T *upper = old_picture + down.first * stride, *lower = old_picture + down.second * stride;
    const int64_t left = int64_t{across.first} * channels, right = int64_t{across.second} * channels;
    for (int c = 0; c < channels; ++c)
        pixel[c] = mean(upper[left + c], upper[right + c], lower[left + c], lower[right + c], across.share, down.share);
}

// The label with the largest share of a mean at a place; the first of equals.
int32_t label_at(const WarpMap& map, const int32_t* old_labels, float x, float y) {
    const Pair across = pair_at(x, map.old_width), down = pair_at(y, map.old_height);
    const int32_t *upper = old_labels + int64_t{map.old_width} * down.first,
                  *lower = old_labels + int64_t{map.old_width} * down.second;
    const int32_t found[4] = {upper[across.first], upper[across.second], lower[across.first], lower[across.second]};
    if (found[0] == found[1] && found[0] == found[2] && found[0] == found[3]) return found[0];
    const float left = 1.0f - across.share, top = 1.0f - down.share;
    const float shares[4] = {left * top, across.share * top, left * down.share, across.share * down.share};
    int best = 0;
    float most = -1.0f;
    for (int i = 0; i < 4; ++i) {
        float share = 0.0f;
        for (int j = 0; j < 4; ++j) share += found[j] == found[i] ? shares[j] : 0.0f;
        if (share > most) most = share, best = i;
    }
    return found[best];
}

float mean_of_floats(float a, float b, float c, float d, float across, float down) {
    const float upper = a + (b - a) * across, lower = c + (d - c) * across;
    return upper + (lower - upper) * down;
}

// The four pixels around a place along one axis, those beyond the border its last one, and their weights.
struct Four {
    int64_t at[4];
    float weights[4];
};

Four four_at(float place, int count, int64_t stride) {
    const float from_centre = place - 0.5f, floor = std::floor(from_centre), t = from_centre - floor;
    Four found = {{},
                  {((2.0f - t) * t - 1.0f) * t / 2.0f, (t * t * (3.0f * t - 5.0f) + 2.0f) / 2.0f,
                   ((4.0f - 3.0f * t) * t + 1.0f) * t / 2.0f, (t - 1.0f) * t * t / 2.0f}};
    for (int i = 0; i < 4; ++i) found.at[i] = stride * std::clamp(static_cast<int>(floor) - 1 + i, 0, count - 1);
    return found;
}

void cubic_at(const WarpMap& map, const float* old_picture, int channels, float x, float y, float* pixel) {
    const Four across = four_at(x, map.old_width, channels);
    const Four down = four_at(y, map.old_height, int64_t{map.old_width} * channels);
    for (int c = 0; c < channels; ++c) {
        float sum = 0.0f;
        for (int j = 0; j < 4; ++j) {
            const float* row = old_picture + down.at[j] + c;
            float along = 0.0f;
            for (int i = 0; i < 4; ++i) along += across.weights[i] * row[across.at[i]];
            sum += down.weights[j] * along;
        }
        pixel[c] = sum;
    }
}

uint8_t mean_of_bytes(uint8_t a, uint8_t b, uint8_t c, uint8_t d, float across, float down) {
    return static_cast<uint8_t>(mean_of_floats(a, b, c, d, across, down) + 0.5f);
}

// The same for three bytes a pixel, all at once. Shares are rounded to 128ths, so that products fit 16 bits: a mean of
// black and white is off by at most 3.
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef int16_t Shorts __attribute__((vector_size(16)));
typedef int64_t Longs __attribute__((vector_size(16)));

// Compilers take vectors of 8 bytes apart, so this interleaves them with zeros: little-endian shorts.
inline Shorts eight(const uint8_t* bytes) {
    int64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    return (Shorts)__builtin_shufflevector((Bytes)Longs{word, 0}, Bytes{}, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                           22, 7, 23);
}

inline Shorts mean_of_shorts(Shorts a, Shorts b, int16_t share) { return (a * 128 + (b - a) * share + 64) >> 7; }

void colours_inside(const WarpMap& map, const uint8_t* old_picture, int count, float x, float y, float dx, float dy,
                    uint8_t* pixel) {
    constexpr float kOne = 65536.0f;
    const int64_t stride = int64_t{3} * map.old_width;
    const auto step_x = static_cast<int64_t>(dx * kOne), step_y = static_cast<int64_t>(dy * kOne);
    constexpr float kMiddle = 0.5f - 1.0f / 256.0f;  // of a pixel, less half of a share
    auto at_x = static_cast<int64_t>((x - kMiddle) * kOne), at_y = static_cast<int64_t>((y - kMiddle) * kOne);
    for (int i = 0; i < count; ++i, at_x += step_x, at_y += step_y, pixel += 3) {
        const auto across = static_cast<int16_t>(at_x >> 9 & 127), down = static_cast<int16_t>(at_y >> 9 & 127);
        const uint8_t* upper = old_picture + (at_y >> 16) * stride + 3 * (at_x >> 16);
        const uint8_t* lower = upper + stride;
        const Shorts here = mean_of_shorts(eight(upper), eight(lower), down);
        const Shorts next = mean_of_shorts(eight(upper + 3), eight(lower + 3), down);
        const int64_t channels = ((Longs)mean_of_shorts(here, next, across))[0];
        for (int c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(channels >> 16 * c);
    }
}

// Calls set(x, y, pixel) for every pixel that has a place in the old picture; the others are `nothing`.
template <typename Value, typename Set>
void each_pixel(const WarpMap& map, int channels, Value nothing, Value* picture, int threads, Set set) {
    parallel_ranges(map.height, kRows, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t v = begin; v < end; ++v) {
            Value* row = picture + v * map.width * channels;
            along_row(
                map, static_cast<int>(v), [](int, int, float, float, float, float) { return false; },
                [&](int u, float x, float y) { set(x, y, row + int64_t{u} * channels); },
                [&](int u) { std::fill_n(row + int64_t{u} * channels, channels, nothing); });
        }
    });
}

}  // namespace

void warp_bytes(const WarpMap& map, const uint8_t* old_picture, int channels, uint8_t* picture, int threads) {
    parallel_ranges(map.height, kRows, threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t v = begin; v < end; ++v) {
            uint8_t* out = picture + v * map.width * channels;
            along_row(
                map, static_cast<int>(v),
                [&](int u, int count, float x, float y, float dx, float dy) {
                    if (channels == 3)
                        colours_inside(map, old_picture, count, x, y, dx, dy, out + int64_t{u} * channels);
                    return channels == 3;
                },
                [&](int u, float x, float y) {
                    mean_at(map, old_picture, channels, x, y, mean_of_bytes, out + int64_t{u} * channels);
                },
                [&](int u) { std::fill_n(out + int64_t{u} * channels, channels, uint8_t{0}); });
        }
    });
}

void warp_floats(const WarpMap& map, const float* old_picture, int channels, float* picture, int threads) {
    each_pixel(map, channels, 0.0f, picture, threads,
               [&](float x, float y, float* out) { mean_at(map, old_picture, channels, x, y, mean_of_floats, out); });
}

void warp_cubic(const WarpMap& map, const float* old_picture, int channels, float* picture, int threads) {
    each_pixel(map, channels, 0.0f, picture, threads,
               [&](float x, float y, float* out) { cubic_at(map, old_picture, channels, x, y, out); });
}

void warp_labels(const WarpMap& map, const int32_t* old_labels, int32_t nothing, int32_t* labels, int threads) {
    each_pixel(map, 1, nothing, labels, threads,
               [&](float x, float y, int32_t* out) { *out = label_at(map, old_labels, x, y); });
}

void warp_indices(const WarpMap& map, int32_t* indices, int threads) {
    each_pixel(map, 1, int32_t{-1}, indices, threads, [&](float x, float y, int32_t* out) {
        *out = static_cast<int32_t>(y) * map.old_width + static_cast<int32_t>(x);
    });
}

}  // namespace splatseg
