// The gradients of Gaussians from what the pixels leave of them.
#pragma once

#include "raster/raster.h"

namespace splatseg::SPLATSEG_LEVEL {

// From the moments of h (see blend_backward.cpp) of n <= 16 Gaussians to the gradients of their parameters.
void project_backward(const Plan& plan, const Gaussians& gaussians, const uint32_t* ids, int n,
                      const float (*moments)[kLanes], const GeometryGradients& gradients);

}  // namespace splatseg::SPLATSEG_LEVEL
