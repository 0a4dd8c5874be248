// The entry functions of the extension from several threads at once, without Python: for ThreadSanitizer, under which
// Python and torch would report races of their own.
//
// Each thread goes through all of them on the same scene, with two workers a call, and must find the bits that one
// thread finds alone; and what a worker throws must come out of the call. Every SIMD level that runs here. Returns 1 if
// anything differs.
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "image/image.h"
#include "points/neighbours.h"
#include "raster/pixels.h"
#include "raster/raster.h"
#include "simd/dispatch.h"
#include "sparse/sparse.h"
#include "threads/parallel.h"
#include "votes/rows.h"
#include "votes/tallies.h"
#include "votes/votes.h"

namespace {

constexpr int kCount = 1500, kWidth = 90, kHeight = 70, kChannels = 5, kMasks = 6, kPixels = kWidth * kHeight;
constexpr int kWorkers = 2, kCallers = 4;
const splatseg::Cutoffs kCutoffs{0.01f, 0.3f, 1.0f / 255.0f, 0.999f, 1e-4f, 0.3f};

std::vector<float> random_floats(int count, float low, float high, int seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(low, high);
    std::vector<float> values(count);
    for (float& value : values) value = uniform(random);
    return values;
}

struct Scene {
    std::vector<float> means = random_floats(3 * kCount, -0.5f, 0.5f, 1), quats = random_floats(4 * kCount, 0.1f, 1, 2);
    std::vector<float> scales = random_floats(3 * kCount, 0.005f, 0.03f, 3);
    std::vector<float> opacities = random_floats(kCount, 0.1f, 1, 4);
    std::vector<float> features = random_floats(kChannels * kCount, 0, 1, 5);
    std::vector<float> image = random_floats(kChannels * kPixels, 0, 1, 6), layer = random_floats(kPixels, 0, 1, 7);
    std::vector<float> coefficients = random_floats(45 * kCount, 0, 1, 8);
    std::vector<int32_t> labels;
    std::vector<int64_t> pixels;
    splatseg::Camera camera{};

    Scene() {
        for (int i = 0; i < kCount; ++i) means[3 * i + 2] += 1.5f;
        for (int i = 0; i < kPixels; ++i) labels.push_back((i / 400) % (kMasks + 1));
        for (int i = 0; i < 60; ++i) pixels.insert(pixels.end(), {(7 * i) % kWidth, (5 * i) % kHeight});
        camera.rotation[0] = camera.rotation[4] = camera.rotation[8] = 1.0f;
        camera.fx = camera.fy = 80.0f;
        camera.cx = 0.5f * kWidth;
        camera.cy = 0.5f * kHeight;
        camera.width = kWidth;
        camera.height = kHeight;
    }
};

// All that was found, one after another.
struct Findings {
    std::vector<unsigned char> bytes;

    template <class T>
    void add(const std::vector<T>& values) {
        const size_t before = bytes.size(), more = sizeof(T) * values.size();
        bytes.resize(before + more);
        if (more) std::memcpy(bytes.data() + before, values.data(), more);
    }
};

void add_matrix(const splatseg::SparseMatrix& matrix, Findings& found) {
    std::vector<int64_t> starts(matrix.height + 1);
    std::vector<int32_t> columns(matrix.entries);
    std::vector<float> weights(matrix.entries), dense(3 * matrix.width, 0.5f), out(3 * matrix.height);
    splatseg::write_csr(matrix, starts.data(), columns.data(), weights.data(), kWorkers);
    const splatseg::Kernels& kernels = splatseg::kernels();
    kernels.sparse_product(matrix, dense.data(), 3, out.data(), kWorkers);
    kernels.sparse_transposed_product(matrix, out.data(), 3, dense.data(), kWorkers);
    std::vector<double> gram(3 * matrix.width);
    splatseg::GramSums sums = splatseg::gram_sums(matrix.height, matrix.width, dense.data(), 3, 0, kWorkers);
    for (int64_t round = sums.rounds(); round > 0; --round) {
        for (int64_t share = 0; share < 2; ++share)
            kernels.gram_product(matrix, out.data(), sums, {share, 2}, kWorkers);
        splatseg::add_parts(sums, gram.data(), kWorkers);
    }
    found.add(starts);
    found.add(columns);
    found.add(weights);
    found.add(out);
    found.add(dense);
    found.add(gram);
}

void add_pictures(const Scene& s, const splatseg::Gaussians& gaussians, const splatseg::Plan& plan, Findings& found) {
    const splatseg::Kernels& kernels = splatseg::kernels();
    std::vector<float> blended(kChannels * kPixels), alphas(kPixels), sums(kChannels * kCount), middle(kPixels);
    kernels.blend(plan, s.features.data(), kChannels, blended.data(), alphas.data(), kWorkers);
    kernels.accumulate(plan, s.image.data(), kChannels, sums.data(), kWorkers);
    kernels.blend_middle(plan, s.opacities.data(), middle.data(), kWorkers);
    std::vector<uint8_t> levels(kCount), nested(kPixels);
    for (int i = 0; i < kCount; ++i) levels[i] = static_cast<uint8_t>(i % 4);
    kernels.blend_levels(plan, levels.data(), 3, 0.5f, nested.data(), kWorkers);
    std::vector<int32_t> labels(levels.begin(), levels.end()), shown(kPixels);
    kernels.label_map(plan, labels.data(), 3, shown.data(), kWorkers);
    std::vector<float> features(kChannels * kCount), grads[5];
    for (int k = 0; k < 5; ++k) grads[k].resize((k == 1 ? 4 : k == 3 ? 1 : k == 4 ? 2 : 3) * kCount);
    kernels.backward(
        plan, gaussians, {s.features.data(), kChannels, blended.data(), alphas.data(), s.image.data(), s.layer.data()},
        features.data(), {grads[0].data(), grads[1].data(), grads[2].data(), grads[3].data(), grads[4].data()}, {},
        kWorkers);
    found.add(blended);
    found.add(alphas);
    found.add(sums);
    found.add(middle);
    found.add(nested);
    found.add(shown);
    found.add(features);
    for (const auto& grad : grads) found.add(grad);
}

void add_votes(const Scene& s, const splatseg::Plan& plan, Findings& found) {
    std::vector<float> totals(kCount), under_masks(kCount);
    const splatseg::SparseMatrix votes =
        splatseg::vote(splatseg::kernels(), plan, {s.labels.data(), 1, kMasks}, totals.data(), kWorkers);
    const std::vector<int32_t> view_of{0, 0, 0, 1, 1, 1}, layer_of{0, 1, 0, 1, 0, 1};
    const splatseg::MaskViews masks{view_of.data(), layer_of.data(), 2, 2};
    std::vector<int32_t> groups(kCount), joined(kMasks);
    for (int i = 0; i < kCount; ++i) groups[i] = i % 3 - 1;
    splatseg::OpenTallies open(2, kMasks, 2);
    splatseg::tallies(votes, masks, groups.data(), open, kWorkers);
    const int64_t entries = splatseg::close_tallies(open);
    std::vector<int64_t> first(3);
    std::vector<int32_t> numbers(entries);
    std::vector<float> sums(entries);
    splatseg::write_tallies(open, first.data(), numbers.data(), sums.data());
    splatseg::under_masks(votes, masks, under_masks.data(), kWorkers);
    const std::vector<uint8_t> heavy(kMasks, 1);
    std::vector<uint8_t> members(kCount), by_majority(kCount), by_matches(kCount);
    for (int i = 0; i < kCount; ++i) members[i] = i % 3 == 0;
    const std::vector<float> says{1.0f, -0.5f, 0.0f, 0.5f, -1.0f, 0.25f}, weight{0.5f, 0.0f, 0.0f, 0.0f, 0.25f, 0.0f};
    const std::vector<float> quality{0.5f, 0.25f};
    splatseg::follow_majority(votes, says.data(), members.data(), by_majority.data(), kWorkers);
    splatseg::follow_matches(votes, masks, weight.data(), quality.data(), members.data(), by_matches.data(), kWorkers);
    for (int mask = 0; mask < kMasks; ++mask) joined[mask] = mask;
    splatseg::joined_masks(votes, heavy.data(), 0.9f, joined.data(), kWorkers);
    add_matrix(votes, found);
    found.add(totals);
    found.add(first);
    found.add(numbers);
    found.add(sums);
    found.add(under_masks);
    found.add(by_majority);
    found.add(by_matches);
    found.add(joined);
}

void add_colours(const Scene& s, Findings& found) {
    const splatseg::Kernels& kernels = splatseg::kernels();
    std::vector<float> colours(3 * kCount), grad_sh0(3 * kCount), grad_shN(45 * kCount), gradient(3 * kPixels);
    const splatseg::Harmonics harmonics{
        s.means.data(), {0.1f, 0.2f, 0.3f}, s.scales.data(), s.coefficients.data(), kCount, 15, 3};
    kernels.colors(harmonics, colours.data(), kWorkers);
    kernels.colors_backward(harmonics, colours.data(), s.means.data(), grad_sh0.data(), grad_shN.data(), kWorkers);
    std::vector<float> sh0(s.scales), shN(s.coefficients), first(3 * kCount), second(3 * kCount);
    std::vector<uint16_t> first_packed(45 * kCount), second_packed(45 * kCount);
    const splatseg::AdamStep step{0.1f, 0.999f, 0.001f, 0.01f, 0.5f, 1e-15f, 7};
    kernels.colors_adam(harmonics, colours.data(), s.means.data(), step,
                        {sh0.data(), first.data(), second.data(), nullptr, nullptr}, step,
                        {shN.data(), nullptr, nullptr, first_packed.data(), second_packed.data()}, kWorkers);
    kernels.adam(step, grad_sh0.data(), {sh0.data(), first.data(), second.data(), nullptr, nullptr}, 3 * kCount,
                 kWorkers);
    std::vector<double> losses(2);
    kernels.photometric({s.image.data(), s.image.data() + kPixels, kHeight, kWidth}, 0.2f, gradient.data(), &losses[0],
                        &losses[1], kWorkers);
    std::vector<int32_t> touched(kCount), nearest(kCount), neighbours(8 * kCount), groups(kCount);
    const splatseg::PointTree tree = splatseg::point_tree(s.means.data(), nullptr, kCount, nullptr, kWorkers);
    const splatseg::TouchingRule rule{8, 1.0f, 0.01f, 100};
    splatseg::touching(kernels, tree, s.opacities.data(), rule, touched.data(), kWorkers);
    splatseg::touching_neighbours(kernels, tree, s.means.data(), s.opacities.data(), rule, neighbours.data(), kWorkers);
    kernels.nearest_points(tree, {s.scales.data(), kCount, nearest.data()}, kWorkers);
    for (int i = 0; i < kCount; ++i) groups[i] = i % 3;
    std::vector<int32_t> pairs;
    for (const auto& [low, high] : splatseg::touching_groups(kernels, tree, s.means.data(), s.opacities.data(),
                                                             groups.data(), rule, 1, kWorkers)) {
        pairs.push_back(low);
        pairs.push_back(high);
    }
    found.add(colours);
    found.add(grad_sh0);
    found.add(grad_shN);
    found.add(sh0);
    found.add(shN);
    found.add(second_packed);
    found.add(gradient);
    found.add(losses);
    found.add(touched);
    found.add(neighbours);
    found.add(nearest);
    found.add(pairs);
}

// Whether what one of the workers throws comes out of the call.
bool throws_across() {
    try {
        splatseg::parallel_for(100, kWorkers, [](int64_t item, int) {
            if (item == 50) throw std::invalid_argument("50");
        });
    } catch (const std::invalid_argument&) {
        return true;
    }
    return false;
}

Findings find(const Scene& s) {
    Findings found;
    const splatseg::Gaussians gaussians{s.means.data(),     s.quats.data(), s.scales.data(),
                                        s.opacities.data(), nullptr,        kCount};
    splatseg::Plan plan;
    plan.camera = s.camera;
    plan.cutoffs = kCutoffs;
    std::vector<int32_t> radii(kCount);
    splatseg::prepare(splatseg::kernels(), gaussians, plan, radii.data(), kWorkers);
    found.add(radii);
    add_pictures(s, gaussians, plan, found);
    add_matrix(splatseg::pixel_weights(splatseg::kernels(), plan, s.pixels.data(), 60, kWorkers), found);
    add_votes(s, plan, found);
    add_colours(s, found);
    return found;
}

}  // namespace

int main() {
    const Scene scene;
    bool good = true;
    for (const std::string& level : splatseg::simd_levels()) {
        splatseg::use_simd_level(level);
        const Findings alone = find(scene);
        std::vector<char> same(kCallers, 0);
        std::vector<std::thread> callers;
        for (int caller = 0; caller < kCallers; ++caller)
            callers.emplace_back([&, caller] {
                bool all = true;
                for (int round = 0; round < 2; ++round) all &= throws_across() && find(scene).bytes == alone.bytes;
                same[caller] = all;
            });
        for (std::thread& caller : callers) caller.join();
        for (int caller = 0; caller < kCallers; ++caller) good &= same[caller] != 0;
        std::printf("%-9s %zu bytes from each of %d threads  %s\n", level.c_str(), alone.bytes.size(), kCallers,
                    good ? "ok" : "DIFFERENT");
    }
    return good ? 0 : 1;
}
