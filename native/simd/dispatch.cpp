// Levels are tried from the best down; which of them run here is asked of the processor itself.
#include "simd/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace splatseg {

#if defined(SPLATSEG_X86)
namespace v2 {
extern const Kernels kernels;
}
namespace v3 {
extern const Kernels kernels;
}
namespace v4 {
extern const Kernels kernels;
}
#else
namespace baseline {
extern const Kernels kernels;
}
#endif

namespace {

std::vector<const Kernels*> runnable() {
    std::vector<const Kernels*> found;
#if defined(SPLATSEG_X86)
    __builtin_cpu_init();
    const bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    if (has_v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found.push_back(&v4::kernels);
    if (has_v3) found.push_back(&v3::kernels);
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) found.push_back(&v2::kernels);
#else
    found.push_back(&baseline::kernels);
#endif
    return found;
}

const Kernels* find(const std::string& name) {
    std::string names;
    for (const Kernels* k : runnable()) {
        if (name == k->level) return k;
        names += names.empty() ? k->level : std::string(", ") + k->level;
    }
    throw std::invalid_argument("the SIMD level '" + name + "' does not run here; choose one of: " + names);
}

const Kernels* first_choice() {
    const char* forced = std::getenv("SPLATSEG_SIMD");
    if (forced && *forced) return find(forced);
    const std::vector<const Kernels*> all = runnable();
    if (all.empty()) throw std::invalid_argument("splatseg needs a processor with SSE 4.2 (x86-64-v2)");
    return all.front();
}

std::atomic<const Kernels*>& chosen() {
    static std::atomic<const Kernels*> level{first_choice()};
    return level;
}

}  // namespace

const Kernels& kernels() { return *chosen().load(); }

std::vector<std::string> simd_levels() {
    std::vector<std::string> names;
    for (const Kernels* k : runnable()) names.push_back(k->level);
    return names;
}

void use_simd_level(const std::string& name) { chosen().store(find(name)); }

}  // namespace splatseg
