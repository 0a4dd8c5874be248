// The heap of pairs may hold pairs of nodes that are gone; they are passed over when they come up. Of every node only
// its living neighbours are kept, in the order of their numbers, so that two lists merge in one pass.
#include "regions/merge.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <stdexcept>
#include <vector>

namespace splatseg {
namespace {

// Differences at which a cue is 1/2, as shares of the inverse depth.
constexpr double kBendHalf = 0.01, kGapHalf = 0.05;

double soft(double value, double half) { return value / (value + half); }

// Mean squared residual of the plane q = a x + b y + c with the least of them, from the sums over its points; 0 without
// points.
double roughness(const double (&s)[10]) {
    const double n = s[0];
    if (n <= 0.0) return 0.0;
    // About the mean, where the 3 x 3 system falls apart into 2 x 2; a little added keeps lines and points solvable.
    const double little = 1e-7 * n;
    const double xx = s[3] - s[1] * s[1] / n + little, xy = s[4] - s[1] * s[2] / n,
                 yy = s[5] - s[2] * s[2] / n + little;
    const double xq = s[7] - s[1] * s[6] / n, yq = s[8] - s[2] * s[6] / n, qq = s[9] - s[6] * s[6] / n;
    const double a = (xq * yy - yq * xy) / (xx * yy - xy * xy), b = (yq * xx - xq * xy) / (xx * yy - xy * xy);
    return std::max(qq - a * xq - b * yq, 0.0) / n;
}

struct Neighbour {
    int64_t node;
    BorderSums border;
};

struct Entry {
    double cost;
    int64_t a, b;
    bool operator<(const Entry& o) const {  // the top of the queue is the greatest: the cheapest, lowest pair
        return cost != o.cost ? cost > o.cost : a != o.a ? a > o.a : b > o.b;
    }
};

void add(BorderSums& to, const BorderSums& more) {
    to.length += more.length;
    to.edge += more.edge;
    to.contrast += more.contrast;
    to.near_valley += more.near_valley;
    to.near_ridge += more.near_ridge;
    to.far_valley += more.far_valley;
    to.far_ridge += more.far_ridge;
}

class Forest {
public:
    Forest(const RegionGraph& graph, const MergeCost& cost)
        : cost_(cost),
          pixels_(graph.pixels),
          sums_(graph.regions, graph.regions + graph.count),
          bins_(graph.histograms, graph.histograms + graph.count * kBins) {
        const int64_t nodes = 2 * graph.count - 1;
        sums_.resize(nodes);
        bins_.resize(nodes * kBins);
        rough_.resize(nodes);
        for (int64_t i = 0; i < graph.count; ++i) rough_[i] = roughness(sums_[i].plane);
    }

    // The union of a and b becomes node k.
    void join(int64_t a, int64_t b, int64_t k, double border) {
        const RegionSums &one = sums_[a], &other = sums_[b];
        RegionSums& both = sums_[k];
        both.area = one.area + other.area;
        both.outline = one.outline + other.outline - 2.0 * border;  // the common border was in both outlines
        both.inner = one.inner + other.inner;
        for (int i = 0; i < 3; ++i) both.lab[i] = one.lab[i] + other.lab[i];
        for (int i = 0; i < 4; ++i) both.box[i] = std::max(one.box[i], other.box[i]);
        for (int i = 0; i < 10; ++i) both.plane[i] = one.plane[i] + other.plane[i];
        rough_[k] = roughness(both.plane);
        const float share = static_cast<float>(one.area / both.area);
        for (int i = 0; i < kBins; ++i)
            bins_[k * kBins + i] = share * bins_[a * kBins + i] + (1.0f - share) * bins_[b * kBins + i];
    }

    double cost(int64_t a, int64_t b, const BorderSums& border) const {
        const RegionSums &one = sums_[a], &other = sums_[b];
        const double area = one.area + other.area, smaller = std::min(one.area, other.area);
        double cues[kCues];
        find_cues(a, b, border, cues);
        double speaks = cost_.bias;
        for (int i = 0; i < kCues; ++i) speaks += cost_.weights[i] * cues[i];
        if (cost_.probability) speaks = 1.0 / (1.0 + std::exp(-speaks));
        return speaks * (smaller / (smaller + cost_.patience)) + cost_.size * area / pixels_;
    }

    void find_cues(int64_t a, int64_t b, const BorderSums& border, double (&cues)[kCues]) const {
        const RegionSums &one = sums_[a], &other = sums_[b];
        const double edge = border.edge / border.length;
        cues[kEdge] = edge;
        cues[kContrast] = border.contrast / border.length;
        cues[kColour] = chi_square(a, b, 0, kColourBins) / 6.0;
        cues[kTexture] = chi_square(a, b, kColourBins, kBins) / 4.0;
        double difference[3];
        for (int i = 0; i < 3; ++i) difference[i] = std::abs(one.lab[i] / one.area - other.lab[i] / other.area);
        cues[kLightness] = std::min(4.0 * difference[0], 1.0);
        cues[kChroma] = std::min(10.0 * std::hypot(difference[1], difference[2]), 1.0);
        cues[kOpen] = 1.0 - border.length / std::min(one.outline, other.outline);
        double box[4];
        for (int i = 0; i < 4; ++i) box[i] = std::max(one.box[i], other.box[i]);
        cues[kSprawl] = 1.0 - (one.area + other.area) / ((box[0] + box[2]) * (box[1] + box[3]));
        cues[kAbove] = edge / (edge + std::max(one.inner / one.area, other.inner / other.area) + 0.02);
        cues[kNearValley] = border.near_valley / border.length;
        cues[kNearRidge] = border.near_ridge / border.length;
        cues[kFarValley] = border.far_valley / border.length;
        cues[kFarRidge] = border.far_ridge / border.length;
        find_bend(a, b, cues);
    }

private:
    // How much worse one plane explains both than two do, and how far their depths differ.
    void find_bend(int64_t a, int64_t b, double (&cues)[kCues]) const {
        const double (&one)[10] = sums_[a].plane;
        const double (&other)[10] = sums_[b].plane;
        cues[kBend] = cues[kGap] = 0.0;
        if (one[0] <= 0.0 || other[0] <= 0.0) return;
        double both[10];
        for (int i = 0; i < 10; ++i) both[i] = one[i] + other[i];
        const double q_one = one[6] / one[0], q_other = other[6] / other[0], farther = std::min(q_one, q_other);
        if (farther <= 0.0) return;
        const double more = std::max(roughness(both) - std::max(rough_[a], rough_[b]), 0.0);
        cues[kBend] = soft(std::sqrt(more) / farther, kBendHalf);
        cues[kGap] = soft(std::abs(q_one - q_other) / farther, kGapHalf);
    }

    double chi_square(int64_t a, int64_t b, int first, int end) const {
        const float *one = &bins_[a * kBins], *other = &bins_[b * kBins];
        float sum = 0.0f;
        for (int i = first; i < end; ++i) {
            const float difference = one[i] - other[i];
            sum += difference * difference / (one[i] + other[i] + 1e-4f);
        }
        return sum;
    }

    const MergeCost cost_;
    double pixels_;
    std::vector<RegionSums> sums_;
    std::vector<float> bins_;
    std::vector<double> rough_;
};

// The neighbours of the union of a and b: of both, with borders to the same neighbour added up.
std::vector<Neighbour> joined(const std::vector<Neighbour>& of_a, const std::vector<Neighbour>& of_b, int64_t a,
                              int64_t b) {
    std::vector<Neighbour> all;
    all.reserve(of_a.size() + of_b.size());
    for (size_t i = 0, j = 0; i < of_a.size() || j < of_b.size();) {
        const bool first = j == of_b.size() || (i < of_a.size() && of_a[i].node <= of_b[j].node);
        const Neighbour& next = first ? of_a[i++] : of_b[j++];
        if (next.node == a || next.node == b) continue;
        if (!all.empty() && all.back().node == next.node)
            add(all.back().border, next.border);
        else
            all.push_back(next);
    }
    return all;
}

}  // namespace

int64_t merge_regions(const RegionGraph& graph, const MergeCost& cost, int64_t* merges, double* paid) {
    Forest forest(graph, cost);
    std::vector<std::vector<Neighbour>> neighbours(2 * graph.count - 1);
    std::vector<Entry> start;
    start.reserve(graph.pairs);
    for (int64_t e = 0; e < graph.pairs; ++e) {
        const int64_t a = graph.ends[2 * e], b = graph.ends[2 * e + 1];
        neighbours[a].push_back({b, graph.borders[e]});
        neighbours[b].push_back({a, graph.borders[e]});
        start.push_back({forest.cost(a, b, graph.borders[e]), a, b});
    }
    for (auto& list : neighbours) {
        std::sort(list.begin(), list.end(), [](const Neighbour& x, const Neighbour& y) { return x.node < y.node; });
        const auto same = [](const Neighbour& x, const Neighbour& y) { return x.node == y.node; };
        if (std::adjacent_find(list.begin(), list.end(), same) != list.end())
            throw std::invalid_argument("pairs must hold each pair once");
    }
    std::priority_queue<Entry> queue(std::less<Entry>(), std::move(start));
    std::vector<bool> alive(2 * graph.count - 1, true);
    int64_t made = 0;
    while (!queue.empty()) {
        const Entry best = queue.top();
        queue.pop();
        if (!alive[best.a] || !alive[best.b]) continue;
        const int64_t node = graph.count + made;
        const auto common = std::find_if(neighbours[best.a].begin(), neighbours[best.a].end(),
                                         [&](const Neighbour& n) { return n.node == best.b; });
        forest.join(best.a, best.b, node, common->border.length);
        neighbours[node] = joined(neighbours[best.a], neighbours[best.b], best.a, best.b);
        neighbours[best.a].clear();
        neighbours[best.b].clear();
        alive[best.a] = alive[best.b] = false;
        for (const Neighbour& other : neighbours[node]) {
            auto& list = neighbours[other.node];
            std::erase_if(list, [&](const Neighbour& n) { return n.node == best.a || n.node == best.b; });
            list.push_back({node, other.border});  // the highest number so far, so the list stays sorted
            queue.push({forest.cost(node, other.node, other.border), other.node, node});
        }
        merges[2 * made] = best.a;
        merges[2 * made + 1] = best.b;
        paid[made++] = best.cost;
    }
    return made;
}

void border_cues(const RegionGraph& graph, double* cues) {
    const Forest forest(graph, MergeCost{});
    for (int64_t e = 0; e < graph.pairs; ++e) {
        double found[kCues];
        forest.find_cues(graph.ends[2 * e], graph.ends[2 * e + 1], graph.borders[e], found);
        std::copy_n(found, kCues, cues + e * kCues);
    }
}

void off_planes(const double (*planes)[10], int64_t count, double* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = roughness(planes[i]);
}

}  // namespace splatseg
