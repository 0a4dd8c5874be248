// The one door from Python to the kernels: which arrays pass, and how work runs behind it.
//
// The callers in Python have types and shapes right. They are checked here once more, before any memory is touched,
// because memory depends on them: whatever does not fit is a TypeError or a ValueError, never a crash.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>

namespace splatseg::bindings {

namespace nb = nanobind;

template <class T, int kDims>
using AnyArray = nb::ndarray<T, nb::ndim<kDims>, nb::c_contig, nb::device::cpu>;

// An array that is read or written where it lies: C-contiguous, on the CPU, aligned, of exactly this type. None never
// passes, and nothing is converted: what is written to a converted copy would be lost. `T` without const: written.
template <class T, int kDims>
class Array : public AnyArray<T, kDims> {
public:
    Array() = default;
    explicit Array(const AnyArray<T, kDims>& array) : AnyArray<T, kDims>(array) {}
};

template <int kDims>
using Floats = Array<const float, kDims>;
template <int kDims>
using Out = Array<float, kDims>;

// The largest counts that kernels hold in an int, some multiplied by what a tile has of something.
constexpr int64_t kMostChannels = int64_t{1} << 20, kMostLayers = 65536;

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

inline void require_channels(int64_t channels) {
    require(channels <= kMostChannels, "there must be at most 1048576 channels");
}

// Of images: their pixels are counted in an int.
inline bool are_sides(int64_t height, int64_t width) {
    return height > 0 && width > 0 && height < 65536 && width < 65536;
}

template <class A>
bool all_finite(const A& array) {
    return std::all_of(array.data(), array.data() + array.size(), [](auto value) { return std::isfinite(value); });
}

// Whether 0 = starts[0] <= starts[1] <= ... <= starts[count] = end.
inline bool are_starts(const int64_t* starts, int64_t count, int64_t end) {
    return starts[0] == 0 && starts[count] == end && std::is_sorted(starts, starts + count + 1);
}

struct Bytes {  // [begin, end)
    uintptr_t begin = 0, end = 0;

    Bytes(const void* data, size_t bytes) : begin(reinterpret_cast<uintptr_t>(data)), end(begin + bytes) {}
    template <class T, int kDims>
    Bytes(const Array<T, kDims>& array) : Bytes(array.data(), array.nbytes()) {}
    template <class T, int kDims>
    Bytes(const std::optional<Array<T, kDims>>& array) {
        if (array) *this = Bytes(*array);
    }
};

// Nothing that is written may lie where anything else is written or read: kernels do not look again.
inline void require_apart(std::initializer_list<Bytes> written, std::initializer_list<Bytes> read) {
    const auto meet = [](const Bytes& a, const Bytes& b) {
        return std::max(a.begin, b.begin) < std::min(a.end, b.end);
    };
    for (const Bytes& one : written) {
        int meets = one.begin < one.end ? -1 : 0;  // itself
        for (const Bytes& other : written) meets += meet(one, other);
        for (const Bytes& other : read) meets += meet(one, other);
        require(meets == 0, "an array that is written overlaps another one");
    }
}

// Calls work(), which must touch no Python object, while other Python threads run. Data pointers of arrays may be read.
template <class F>
auto run(int threads, const F& work) {
    require(threads >= 1 && threads <= 1024, "threads must be between 1 and 1024");
    nb::gil_scoped_release release;
    return work();
}

}  // namespace splatseg::bindings

namespace nanobind::detail {

template <class T, int kDims>
struct type_caster<splatseg::bindings::Array<T, kDims>> {
    using Any = make_caster<splatseg::bindings::AnyArray<T, kDims>>;
    using Taken = splatseg::bindings::Array<T, kDims>;
    NB_TYPE_CASTER(Taken, Any::Name)

    template <class Flags>
    bool from_python(handle source, Flags, cleanup_list* cleanup) noexcept {
        Any any;
        if (source.is_none() || !any.from_python(source, 0, cleanup)) return false;  // 0: no conversion
        value = Taken(any.value);
        return reinterpret_cast<uintptr_t>(value.data()) % alignof(T) == 0;
    }
};

}  // namespace nanobind::detail
