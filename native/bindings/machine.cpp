// What is asked of the machine: memory that is used again, the SIMD level, the most it can do.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
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
    constexpr size_t kMostAxes = 64;  // of numpy
    constexpr size_t kMost = PTRDIFF_MAX / sizeof(float);
    require(shape.size() <= kMostAxes, "a tensor has at most 64 axes");
    size_t count = 1, strides = 1;  // strides are products of sizes too, in which a size of 0 does not count
    for (const size_t size : shape) {
        require(size <= kMost / strides, "a tensor of this shape does not fit in memory");
        strides *= std::max<size_t>(size, 1);
        count *= size;
    }
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
    m.def("free_scratch", &free_scratch, nb::call_guard<nb::gil_scoped_release>());
    m.def("peak_gflops", &peak_gflops, "threads"_a);
    m.def("simd_level", [] { return std::string(kernels().level); });
    m.def("simd_levels", &simd_levels);
    m.def("use_one_heap", &use_one_heap);
    m.def("use_simd_level", &use_simd_level, "name"_a);
}

}  // namespace splatseg::bindings
