// What is asked of the machine: memory that is used again, the SIMD level, the most it can do.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>

#include "bindings/checks.h"
#include "bindings/groups.h"
#include "memory/buffer.h"
#include "simd/dispatch.h"

namespace splatseg::bindings {
namespace {

// A float32 tensor of scratch memory that is used again (memory/buffer.h): a fresh 80 MB from the system costs more in
// page faults than blending into it.
nb::ndarray<nb::pytorch, float, nb::device::cpu, nb::c_contig> empty(const std::vector<size_t>& shape) {
    size_t count = 1;
    for (const size_t size : shape) count *= size;
    auto memory = std::make_unique<Buffer>(count * sizeof(float));
    float* data = memory->as<float>();
    nb::capsule owner(memory.get(), [](void* buffer) noexcept { delete static_cast<Buffer*>(buffer); });
    memory.release();  // only now: the capsule may throw
    return {data, shape.size(), shape.data(), owner};
}

double peak_gflops(int threads) {
    return run(threads, [&] { return kernels().peak_gflops(threads); });
}

}  // namespace

void add_machine(nb::module_& m) {
    using namespace nb::literals;
    m.def("empty", &empty, "shape"_a);
    m.def("peak_gflops", &peak_gflops, "threads"_a);
    m.def("simd_level", [] { return std::string(kernels().level); });
    m.def("simd_levels", &simd_levels);
    m.def("use_simd_level", &use_simd_level, "name"_a);
}

}  // namespace splatseg::bindings
