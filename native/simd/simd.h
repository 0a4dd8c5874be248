// A vector of 16 floats on whatever the compiler was told it may use. In the rasteriser a lane is a pixel of a block.
//
// AVX-512: one register. AVX2: two. SSE and NEON: four, by the compiler's vector extensions. Every SIMD level compiles
// its own copy of this file inside its own namespace, so that the linker can never mix code of two levels.
#pragma once

#include <cstdint>
#include <cstring>

#include "simd/lanes.h"

#if !defined(SPLATSEG_LEVEL)
#error "SPLATSEG_LEVEL names the SIMD level, for example v3"
#endif

#define SPLATSEG_INLINE static inline __attribute__((always_inline))
#define SPLATSEG_NOINLINE static __attribute__((noinline, unused))
#define SPLATSEG_UNROLL _Pragma("GCC unroll 64")

#if defined(__AVX512F__)
#include "simd/avx512.h"
#else
#include "simd/portable.h"
#endif

namespace splatseg::SPLATSEG_LEVEL {

SPLATSEG_INLINE uint32_t first_lanes(int n) { return n >= kLanes ? 0xffffu : (1u << n) - 1; }
SPLATSEG_INLINE bool any(Mask m) { return bits(m) != 0; }
SPLATSEG_INLINE Vec clamp(Vec a, Vec low, Vec high) { return min(max(a, low), high); }

SPLATSEG_INLINE Vec ceil(Vec a) { return -floor(-a); }

// The inverse of load_records for n <= 16 records that lie one after another.
SPLATSEG_INLINE void store_records(float* records, const Vec (&fields)[8], int n) {
    Vec rows[kLanes];
    for (int f = 0; f < kLanes; ++f) rows[f] = f < 8 ? fields[f] : broadcast(0.0f);
    transpose(rows);
    // Each store is twice as wide as a record and is mended by the next one, but for the last.
    SPLATSEG_UNROLL
    for (int i = 0; i < kLanes - 1; ++i)
        if (i < n - 1) store(records + 8 * i, rows[i]);
    alignas(64) float last[kLanes];
    for (int i = 0; i < kLanes; ++i)
        if (i == n - 1) store(last, rows[i]);
    std::memcpy(records + 8 * (n - 1), last, 8 * sizeof(float));
}

// 2^p for |p| < 126, relative error below 1.5e-7: p = n + f, |f| <= 1/2, and a minimax polynomial for 2^f. kCount of
// them in step: one alone is a chain of a dozen dependent operations.
template <int kCount>
SPLATSEG_INLINE void exp2(const Vec (&p)[kCount], Vec (&out)[kCount]) {
    constexpr float kCoefficients[6] = {1.3276471564345963e-3f, 9.675541376042306e-3f, 5.550713275647828e-2f,
                                        2.4022119722715848e-1f, 6.931469670622759e-1f, 1.000000071655213f};
    const Vec magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    Vec t[kCount], f[kCount];
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) t[j] = p[j] + magic;
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) f[j] = p[j] - (t[j] - magic);
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) out[j] = broadcast(kCoefficients[0]);
    SPLATSEG_UNROLL
    for (int c = 1; c < 6; ++c) {
        SPLATSEG_UNROLL
        for (int j = 0; j < kCount; ++j) out[j] = fma(out[j], f[j], broadcast(kCoefficients[c]));
    }
    SPLATSEG_UNROLL
    for (int j = 0; j < kCount; ++j) out[j] = scale_by_power(out[j], t[j]);
}

// log2(a) for positive normal a: 2 atanh((m - 1) / (m + 1)) / ln 2 by its series, plus the exponent.
SPLATSEG_INLINE Vec log2(Vec a) {
    const Vec m = mantissa(a), one = broadcast(1.0f);
    const Vec t = (m - one) / (m + one);
    const Vec s = t * t;
    Vec r = broadcast(2.8853900817779268f / 9);
    r = fma(r, s, broadcast(2.8853900817779268f / 7));
    r = fma(r, s, broadcast(2.8853900817779268f / 5));
    r = fma(r, s, broadcast(2.8853900817779268f / 3));
    r = fma(r, s, broadcast(2.8853900817779268f));
    return fma(r, t, exponent(a));
}

}  // namespace splatseg::SPLATSEG_LEVEL
