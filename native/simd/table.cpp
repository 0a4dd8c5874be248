// Fills the table of one SIMD level.
#include "simd/stages.h"

#define SPLATSEG_TEXT(x) #x
#define SPLATSEG_NAME(x) SPLATSEG_TEXT(x)

namespace splatseg::SPLATSEG_LEVEL {

extern const Kernels kernels;
const Kernels kernels{SPLATSEG_NAME(SPLATSEG_LEVEL),
                      project,
                      blend,
                      blend_levels,
                      label_map,
                      blend_middle,
                      accumulate,
                      backward,
                      pixel_weights,
                      sparse_product,
                      sparse_transposed_product,
                      gram_product,
                      nearest_neighbours,
                      nearest_points,
                      nearest_prototypes,
                      vote,
                      photometric,
                      colors,
                      colors_backward,
                      adam,
                      colors_adam,
                      peak_gflops};

}  // namespace splatseg::SPLATSEG_LEVEL
