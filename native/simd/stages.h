// Declares the stages of one SIMD level, each with the type that its place in the table has (kernels.h).
#pragma once

#include <type_traits>

#include "simd/kernels.h"

namespace splatseg::SPLATSEG_LEVEL {

template <class Pointer>
using Stage = std::remove_pointer_t<Pointer>;

Stage<decltype(Kernels::project)> project;
Stage<decltype(Kernels::blend)> blend;
Stage<decltype(Kernels::blend_levels)> blend_levels;
Stage<decltype(Kernels::label_map)> label_map;
Stage<decltype(Kernels::blend_middle)> blend_middle;
Stage<decltype(Kernels::accumulate)> accumulate;
Stage<decltype(Kernels::backward)> backward;
Stage<decltype(Kernels::pixel_weights)> pixel_weights;
Stage<decltype(Kernels::sparse_product)> sparse_product;
Stage<decltype(Kernels::sparse_transposed_product)> sparse_transposed_product;
Stage<decltype(Kernels::gram_product)> gram_product;
Stage<decltype(Kernels::nearest_neighbours)> nearest_neighbours;
Stage<decltype(Kernels::nearest_points)> nearest_points;
Stage<decltype(Kernels::nearest_prototypes)> nearest_prototypes;
Stage<decltype(Kernels::vote)> vote;
Stage<decltype(Kernels::photometric)> photometric;
Stage<decltype(Kernels::colors)> colors;
Stage<decltype(Kernels::colors_backward)> colors_backward;
Stage<decltype(Kernels::adam)> adam;
Stage<decltype(Kernels::colors_adam)> colors_adam;
Stage<decltype(Kernels::peak_gflops)> peak_gflops;

}  // namespace splatseg::SPLATSEG_LEVEL
