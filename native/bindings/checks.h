// The one door from Python to the kernels: which arrays pass, and how work runs behind it.
//
// Arrays come in through DLPack, C-contiguous and on the CPU, of a given type and number of dimensions: nanobind turns
// away all others. The callers in Python have the shapes right; they are checked here once more, since memory depends
// on them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>

namespace splatseg::bindings {

namespace nb = nanobind;

template <class T, int kDims>
using Array = nb::ndarray<T, nb::ndim<kDims>, nb::c_contig, nb::device::cpu>;
template <int kDims>
using Floats = Array<const float, kDims>;
template <int kDims>
using Out = Array<float, kDims>;

inline void require(bool true_for_good_values, const char* what) {
    if (!true_for_good_values) throw std::invalid_argument(what);  // ValueError in Python
}

template <class A>
int64_t size(const A& array, int axis) {
    return static_cast<int64_t>(array.shape(axis));
}

// Whether the first dimensions of an array have these sizes.
template <class A, class... Sizes>
bool has_shape(const A& array, Sizes... sizes) {
    int axis = 0;
    return ((size(array, axis++) == static_cast<int64_t>(sizes)) && ...);
}

// Calls work(), which must touch no Python object, while other Python threads run. Data pointers of arrays may be read.
template <class F>
auto run(int threads, const F& work) {
    require(threads >= 1 && threads <= 1024, "threads must be between 1 and 1024");
    nb::gil_scoped_release release;
    return work();
}

}  // namespace splatseg::bindings
