// Merge trees of the regions of an image: touching regions merge one by one, the cheapest pair first.
#pragma once

#include <cstdint>

namespace splatseg {

constexpr int kColourBins = 24, kTextureBins = 10, kBins = kColourBins + kTextureBins;

// What regions are merged by; every value of a region is additive or of the mean, so that a union is found from its
// two parts. The same structs lie in the arrays that come from Python, row by row.
struct RegionSums {
    double area, outline, inner;  // pixels; pixel sides of the whole outline; sum of the edge cue inside
    double lab[3];                // sums of OKLab colours
    double box[4];                // -top, -left, bottom, right: the box round two is their maximum
    double plane[10];             // sums of 1, x, y, xx, xy, yy, q, qx, qy, qq of the inverse depths q; 0 if unknown
};

struct BorderSums {
    double length, edge, contrast;  // pixel sides, and sums of the cues along them
    double near_valley, near_ridge, far_valley, far_ridge;
};

constexpr int kRegionFields = sizeof(RegionSums) / sizeof(double), kBorderFields = sizeof(BorderSums) / sizeof(double);

enum Cue {
    kEdge,
    kContrast,
    kColour,
    kTexture,
    kLightness,
    kChroma,
    kOpen,
    kSprawl,
    kAbove,
    kNearValley,
    kNearRidge,
    kFarValley,
    kFarRidge,
    kBend,
    kGap,
    kCues
};

struct RegionGraph {
    int64_t count, pairs;
    const RegionSums* regions;  // (R,)
    const float* histograms;    // (R, kBins), means
    const int64_t* ends;        // (E,2), each pair once
    const BorderSums* borders;  // (E,)
    double pixels;              // of the image
};

// cost = size * area / pixels + m / (m + patience) * speaks,   m = the area of the smaller,
// speaks = weights . cues, or 1 / (1 + exp(-(weights . cues + bias))) if it is a probability.
struct MergeCost {
    double weights[kCues];
    double bias, size, patience;
    bool probability;
};

// Writes merges (R - 1, 2), whose k-th makes node R + k, and their costs; returns how many there are. At equal costs
// the pair with the lower numbers comes first. Throws std::invalid_argument for a pair that is there twice.
int64_t merge_regions(const RegionGraph& graph, const MergeCost& cost, int64_t* merges, double* paid);

// Writes the cues (E, kCues) of every pair as it is in the graph.
void border_cues(const RegionGraph& graph, double* cues);

// Writes the mean squared distance (R,) of regions from the best plane of each, from their sums `plane` (R,10).
void off_planes(const double (*planes)[10], int64_t count, double* out);

}  // namespace splatseg
