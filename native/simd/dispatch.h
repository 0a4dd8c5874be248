// Which SIMD level runs. The best the processor has, unless the environment variable SPLATSEG_SIMD names another.
#pragma once

#include <string>
#include <vector>

#include "simd/kernels.h"

namespace splatseg {

const Kernels& kernels();

// Levels that were compiled and that this processor runs, the best first.
std::vector<std::string> simd_levels();

// Chooses a level by name. Throws std::invalid_argument for one that cannot run here.
void use_simd_level(const std::string& name);

}  // namespace splatseg
