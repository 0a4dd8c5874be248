// A vector of 16 floats, one lane per pixel of a block, on whatever the compiler was told it may use.
//
// AVX-512: one register. AVX2: two. SSE and NEON: four, by the compiler's vector extensions. Every SIMD level compiles
// its own copy of this file inside its own namespace, so that the linker can never mix code of two levels.
#pragma once

#include <cstdint>
#include <cstring>

#include "raster.h"

#if !defined(SPLATSEG_LEVEL)
#error "SPLATSEG_LEVEL names the SIMD level, for example v3"
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SPLATSEG_INLINE static inline __attribute__((always_inline))
#define SPLATSEG_NOINLINE static __attribute__((noinline, unused))
#define SPLATSEG_UNROLL _Pragma("GCC unroll 64")

namespace splatseg::SPLATSEG_LEVEL {

#if defined(__AVX512F__)

using Mask = __mmask16;
struct Vec {
    __m512 v;
};

SPLATSEG_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
SPLATSEG_INLINE void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
SPLATSEG_INLINE Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
SPLATSEG_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
SPLATSEG_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
SPLATSEG_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
SPLATSEG_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
SPLATSEG_INLINE Vec operator-(Vec a) { return {-a.v}; }
SPLATSEG_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }    // a b + c
SPLATSEG_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }  // c - a b
SPLATSEG_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
SPLATSEG_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
SPLATSEG_INLINE Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
SPLATSEG_INLINE Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ); }
SPLATSEG_INLINE Mask at_least(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
SPLATSEG_INLINE Mask both(Mask a, Mask b) { return a & b; }
SPLATSEG_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }
SPLATSEG_INLINE Vec keep(Mask m, Vec a) { return {_mm512_maskz_mov_ps(m, a.v)}; }  // zero elsewhere
SPLATSEG_INLINE uint32_t bits(Mask m) { return m; }
SPLATSEG_INLINE Mask mask_from_bits(uint32_t b) { return static_cast<Mask>(b); }
// 2^n times a, where t = n + 1.5 * 2^23
SPLATSEG_INLINE Vec scale_by_power(Vec a, Vec t) {
    return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_slli_epi32(_mm512_castps_si512(t.v), 23)))};
}
SPLATSEG_INLINE Vec exponent(Vec a) {  // of a positive normal number whose mantissa will be taken in [sqrt(1/2), sqrt(2))
    const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x3f3504f3));
    return {_mm512_cvtepi32_ps(_mm512_srai_epi32(shifted, 23))};
}
SPLATSEG_INLINE Vec mantissa(Vec a) {
    const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x3f3504f3));
    const __m512i power = _mm512_and_si512(shifted, _mm512_set1_epi32(static_cast<int>(0xff800000)));
    return {_mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a.v), power))};
}
SPLATSEG_INLINE Vec reciprocal(Vec a) {  // to within an ulp or two: an estimate of 14 bits and one step of Newton's method
    const __m512 r = _mm512_rcp14_ps(a.v);
    return {_mm512_mul_ps(r, _mm512_fnmadd_ps(a.v, r, _mm512_set1_ps(2.0f)))};
}
SPLATSEG_INLINE void store_lanes(float* p, Vec a, uint32_t lanes) {  // the set lanes only
    _mm512_mask_storeu_ps(p, static_cast<Mask>(lanes), a.v);
}
SPLATSEG_INLINE Vec load_lanes(const float* p, uint32_t lanes) {  // zero elsewhere, where memory is not touched
    return {_mm512_maskz_loadu_ps(static_cast<Mask>(lanes), p)};
}
SPLATSEG_INLINE Vec permute(Vec a, const int32_t* from) {  // lane i = a[from[i]]
    return {_mm512_permutexvar_ps(_mm512_loadu_si512(from), a.v)};
}
template <int kLane>
SPLATSEG_INLINE Vec broadcast_lane(Vec a) {
    static_assert(kLane < 4);
    return {_mm512_broadcastss_ps(_mm_permute_ps(_mm512_castps512_ps128(a.v), kLane * 0x55))};
}
SPLATSEG_INLINE Vec broadcast_pair(const float* p) {  // p[0] in the even lanes, p[1] in the odd
    double pair;
    std::memcpy(&pair, p, sizeof(pair));
    return {_mm512_castpd_ps(_mm512_set1_pd(pair))};
}
// low, high: a[0] b[0] a[1] b[1] ... b[7], a[8] b[8] ... b[15]
SPLATSEG_INLINE void interleave(Vec a, Vec b, Vec& low, Vec& high) {
    const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    low.v = _mm512_permutex2var_ps(a.v, order, b.v);
    high.v = _mm512_permutex2var_ps(a.v, _mm512_add_epi32(order, _mm512_set1_epi32(8)), b.v);
}
// rows[i] lane k  ->  rows[k] lane i
SPLATSEG_INLINE void transpose(Vec (&rows)[16]) {
    __m512 t[16], u[16];
    SPLATSEG_UNROLL for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
        t[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
    }
    const auto low = [](__m512 a, __m512 b) {
        return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    };
    const auto high = [](__m512 a, __m512 b) {
        return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    };
    SPLATSEG_UNROLL for (int i = 0; i < 16; i += 4) {
        u[i] = low(t[i], t[i + 2]);
        u[i + 1] = high(t[i], t[i + 2]);
        u[i + 2] = low(t[i + 1], t[i + 3]);
        u[i + 3] = high(t[i + 1], t[i + 3]);
    }
    SPLATSEG_UNROLL for (int i = 0; i < 4; ++i) {
        const __m512 a = _mm512_shuffle_f32x4(u[i], u[4 + i], 0x88), b = _mm512_shuffle_f32x4(u[i], u[4 + i], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0x88);
        const __m512 d = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0xdd);
        rows[i].v = _mm512_shuffle_f32x4(a, c, 0x88);
        rows[4 + i].v = _mm512_shuffle_f32x4(b, d, 0x88);
        rows[8 + i].v = _mm512_shuffle_f32x4(a, c, 0xdd);
        rows[12 + i].v = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}
// Fields of 16 records of 8 floats: fields[f] lane i = records[i][f].
SPLATSEG_INLINE void load_records(const float* const (&records)[16], Vec (&fields)[8]) {
    __m512 r[8], t[8], u[8];
    SPLATSEG_UNROLL for (int i = 0; i < 8; ++i) {  // two records a register, so that the halves end in order
        const int first = i < 4 ? i : i + 4;
        r[i] = _mm512_castpd_ps(_mm512_insertf64x4(
            _mm512_castps_pd(_mm512_castps256_ps512(_mm256_loadu_ps(records[first]))),
            _mm256_castps_pd(_mm256_loadu_ps(records[first + 4])), 1));
    }
    SPLATSEG_UNROLL for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    SPLATSEG_UNROLL for (int i = 0; i < 8; i += 4) {
        u[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
        u[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
        u[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
        u[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    }
    SPLATSEG_UNROLL for (int i = 0; i < 4; ++i) {
        fields[i].v = _mm512_shuffle_f32x4(u[i], u[4 + i], 0x88);
        fields[4 + i].v = _mm512_shuffle_f32x4(u[i], u[4 + i], 0xdd);
    }
}
// Appends base + lane for every set lane; writes 16 entries, returns how many count.
SPLATSEG_INLINE int append_lanes(int32_t* out, int32_t base, uint32_t set) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(static_cast<Mask>(set), _mm512_add_epi32(lanes, _mm512_set1_epi32(base))));
    return __builtin_popcount(set);
}

#else  // parts of the widest register there is

#if defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kParts = kLanes / kWidth;
typedef float Reg __attribute__((vector_size(4 * kWidth)));
typedef int32_t IntReg __attribute__((vector_size(4 * kWidth)));
struct Vec {
    Reg v[kParts];
};
struct Mask {
    IntReg v[kParts];
};

#define SPLATSEG_EACH for (int i = 0; i < kParts; ++i)
#define SPLATSEG_PARTS _Pragma("GCC unroll 4") SPLATSEG_EACH

SPLATSEG_INLINE Vec load(const float* p) {
    Vec r;
    SPLATSEG_PARTS std::memcpy(&r.v[i], p + i * kWidth, sizeof(Reg));
    return r;
}
SPLATSEG_INLINE void store(float* p, Vec a) {
    SPLATSEG_PARTS std::memcpy(p + i * kWidth, &a.v[i], sizeof(Reg));
}
SPLATSEG_INLINE Vec broadcast(float x) {
    Vec r;
    SPLATSEG_PARTS r.v[i] = Reg{} + x;
    return r;
}
SPLATSEG_INLINE Vec operator+(Vec a, Vec b) {
    SPLATSEG_PARTS a.v[i] = a.v[i] + b.v[i];
    return a;
}
SPLATSEG_INLINE Vec operator-(Vec a, Vec b) {
    SPLATSEG_PARTS a.v[i] = a.v[i] - b.v[i];
    return a;
}
SPLATSEG_INLINE Vec operator*(Vec a, Vec b) {
    SPLATSEG_PARTS a.v[i] = a.v[i] * b.v[i];
    return a;
}
SPLATSEG_INLINE Vec operator/(Vec a, Vec b) {
    SPLATSEG_PARTS a.v[i] = a.v[i] / b.v[i];
    return a;
}
SPLATSEG_INLINE Vec operator-(Vec a) {
    SPLATSEG_PARTS a.v[i] = -a.v[i];
    return a;
}
SPLATSEG_INLINE Vec fma(Vec a, Vec b, Vec c) {  // a b + c
#if defined(__FMA__)
    SPLATSEG_PARTS c.v[i] = _mm256_fmadd_ps(a.v[i], b.v[i], c.v[i]);
#else
    SPLATSEG_PARTS c.v[i] = a.v[i] * b.v[i] + c.v[i];
#endif
    return c;
}
SPLATSEG_INLINE Vec fnma(Vec a, Vec b, Vec c) {  // c - a b
#if defined(__FMA__)
    SPLATSEG_PARTS c.v[i] = _mm256_fnmadd_ps(a.v[i], b.v[i], c.v[i]);
#else
    SPLATSEG_PARTS c.v[i] = c.v[i] - a.v[i] * b.v[i];
#endif
    return c;
}
SPLATSEG_INLINE Vec min(Vec a, Vec b) {
#if defined(__AVX__)
    SPLATSEG_PARTS a.v[i] = _mm256_min_ps(a.v[i], b.v[i]);
#elif defined(__SSE2__)
    SPLATSEG_PARTS a.v[i] = _mm_min_ps(a.v[i], b.v[i]);
#else
    SPLATSEG_PARTS a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
#endif
    return a;
}
SPLATSEG_INLINE Vec max(Vec a, Vec b) {
#if defined(__AVX__)
    SPLATSEG_PARTS a.v[i] = _mm256_max_ps(a.v[i], b.v[i]);
#elif defined(__SSE2__)
    SPLATSEG_PARTS a.v[i] = _mm_max_ps(a.v[i], b.v[i]);
#else
    SPLATSEG_PARTS a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
#endif
    return a;
}
SPLATSEG_INLINE Vec sqrt(Vec a) {
#if defined(__AVX__)
    SPLATSEG_PARTS a.v[i] = _mm256_sqrt_ps(a.v[i]);
#elif defined(__SSE2__)
    SPLATSEG_PARTS a.v[i] = _mm_sqrt_ps(a.v[i]);
#else
    SPLATSEG_PARTS for (int k = 0; k < kWidth; ++k) a.v[i][k] = __builtin_sqrtf(a.v[i][k]);
#endif
    return a;
}
SPLATSEG_INLINE Mask greater(Vec a, Vec b) {
    Mask m;
    SPLATSEG_PARTS m.v[i] = a.v[i] > b.v[i];
    return m;
}
SPLATSEG_INLINE Mask at_least(Vec a, Vec b) {
    Mask m;
    SPLATSEG_PARTS m.v[i] = a.v[i] >= b.v[i];
    return m;
}
SPLATSEG_INLINE Mask both(Mask a, Mask b) {
    SPLATSEG_PARTS a.v[i] = a.v[i] & b.v[i];
    return a;
}
SPLATSEG_INLINE Vec select(Mask m, Vec yes, Vec no) {
    SPLATSEG_PARTS no.v[i] = (Reg)((m.v[i] & (IntReg)yes.v[i]) | (~m.v[i] & (IntReg)no.v[i]));
    return no;
}
SPLATSEG_INLINE Vec keep(Mask m, Vec a) {  // zero elsewhere
    SPLATSEG_PARTS a.v[i] = (Reg)(m.v[i] & (IntReg)a.v[i]);
    return a;
}
SPLATSEG_INLINE uint32_t bits(Mask m) {
    uint32_t r = 0;
#if defined(__AVX__)
    SPLATSEG_PARTS r |= static_cast<uint32_t>(_mm256_movemask_ps((__m256)m.v[i])) << (i * kWidth);
#elif defined(__SSE2__)
    SPLATSEG_PARTS r |= static_cast<uint32_t>(_mm_movemask_ps((__m128)m.v[i])) << (i * kWidth);
#else
    for (int k = 0; k < kLanes; ++k) r |= (m.v[k / kWidth][k % kWidth] & 1u) << k;
#endif
    return r;
}
SPLATSEG_INLINE Mask mask_from_bits(uint32_t b) {
    Mask m;
    for (int k = 0; k < kLanes; ++k) m.v[k / kWidth][k % kWidth] = -static_cast<int32_t>(b >> k & 1);
    return m;
}
// 2^n times a, where t = n + 1.5 * 2^23
SPLATSEG_INLINE Vec scale_by_power(Vec a, Vec t) {
    SPLATSEG_PARTS a.v[i] = (Reg)((IntReg)a.v[i] + ((IntReg)t.v[i] << 23));
    return a;
}
SPLATSEG_INLINE Vec exponent(Vec a) {  // of a positive normal number whose mantissa will be taken in [sqrt(1/2), sqrt(2))
    SPLATSEG_PARTS a.v[i] = __builtin_convertvector(((IntReg)a.v[i] - 0x3f3504f3) >> 23, Reg);
    return a;
}
SPLATSEG_INLINE Vec mantissa(Vec a) {
    SPLATSEG_PARTS a.v[i] =
        (Reg)((IntReg)a.v[i] - (((IntReg)a.v[i] - 0x3f3504f3) & static_cast<int32_t>(0xff800000)));
    return a;
}
SPLATSEG_INLINE Vec reciprocal(Vec a) {
    SPLATSEG_PARTS a.v[i] = 1.0f / a.v[i];
    return a;
}
SPLATSEG_INLINE void store_lanes(float* p, Vec a, uint32_t lanes) {  // the set lanes only
    alignas(64) float lane[kLanes];
    store(lane, a);
    for (; lanes; lanes &= lanes - 1) p[__builtin_ctz(lanes)] = lane[__builtin_ctz(lanes)];
}
SPLATSEG_INLINE Vec load_lanes(const float* p, uint32_t lanes) {  // zero elsewhere, where memory is not touched
    alignas(64) float lane[kLanes] = {};
    for (; lanes; lanes &= lanes - 1) lane[__builtin_ctz(lanes)] = p[__builtin_ctz(lanes)];
    return load(lane);
}
SPLATSEG_INLINE Vec permute(Vec a, const int32_t* from) {  // lane i = a[from[i]]
    alignas(64) float lane[kLanes], to[kLanes];
    store(lane, a);
    for (int i = 0; i < kLanes; ++i) to[i] = lane[from[i]];
    return load(to);
}
template <int kLane>
SPLATSEG_INLINE Vec broadcast_lane(Vec a) {
    static_assert(kLane < kWidth);
    return broadcast(a.v[0][kLane]);
}
SPLATSEG_INLINE Vec broadcast_pair(const float* p) {  // p[0] in the even lanes, p[1] in the odd
    int64_t pair;
    std::memcpy(&pair, p, sizeof(pair));
    typedef int64_t PairReg __attribute__((vector_size(4 * kWidth)));
    Vec r;
    SPLATSEG_PARTS r.v[i] = (Reg)(PairReg{} + pair);
    return r;
}
// low, high: a[0] b[0] a[1] b[1] ... b[7], a[8] b[8] ... b[15]
SPLATSEG_INLINE void interleave(Vec a, Vec b, Vec& low, Vec& high) {
    Reg out[2 * kParts];
    SPLATSEG_PARTS {
#if defined(__AVX__)
        out[2 * i] = __builtin_shufflevector(a.v[i], b.v[i], 0, 8, 1, 9, 2, 10, 3, 11);
        out[2 * i + 1] = __builtin_shufflevector(a.v[i], b.v[i], 4, 12, 5, 13, 6, 14, 7, 15);
#else
        out[2 * i] = __builtin_shufflevector(a.v[i], b.v[i], 0, 4, 1, 5);
        out[2 * i + 1] = __builtin_shufflevector(a.v[i], b.v[i], 2, 6, 3, 7);
#endif
    }
    SPLATSEG_PARTS low.v[i] = out[i], high.v[i] = out[kParts + i];
}
// 4x4 floats, rows `from_stride` and `to_stride` apart: to[k][i] = from[i][k]
SPLATSEG_INLINE void transpose4(const float* from, int from_stride, float* to, int to_stride) {
    typedef float Quad __attribute__((vector_size(16)));
    Quad r[4], t[4], u[4];
    SPLATSEG_UNROLL for (int i = 0; i < 4; ++i) std::memcpy(&r[i], from + i * from_stride, sizeof(Quad));
    t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    t[1] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    t[2] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    t[3] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    u[0] = __builtin_shufflevector(t[0], t[2], 0, 1, 4, 5);
    u[1] = __builtin_shufflevector(t[0], t[2], 2, 3, 6, 7);
    u[2] = __builtin_shufflevector(t[1], t[3], 0, 1, 4, 5);
    u[3] = __builtin_shufflevector(t[1], t[3], 2, 3, 6, 7);
    SPLATSEG_UNROLL for (int i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &u[i], sizeof(Quad));
}
// rows[i] lane k  ->  rows[k] lane i
SPLATSEG_INLINE void transpose(Vec (&rows)[16]) {
    alignas(64) float from[16][16], to[16][16];
    for (int i = 0; i < 16; ++i) store(from[i], rows[i]);
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 16; k += 4) transpose4(&from[i][k], 16, &to[k][i], 16);
    for (int i = 0; i < 16; ++i) rows[i] = load(to[i]);
}
// Fields of 16 records of 8 floats: fields[f] lane i = records[i][f].
SPLATSEG_INLINE void load_records(const float* const (&records)[16], Vec (&fields)[8]) {
    alignas(64) float from[16][8], to[8][16];
    for (int i = 0; i < 16; ++i) std::memcpy(from[i], records[i], sizeof(from[i]));
    for (int i = 0; i < 16; i += 4)
        for (int f = 0; f < 8; f += 4) transpose4(&from[i][f], 8, &to[f][i], 16);
    for (int f = 0; f < 8; ++f) fields[f] = load(to[f]);
}
// The places of the set bits of a byte, in ascending order, for every byte.
struct BitPlaces {
    uint8_t of[256][8];
    constexpr BitPlaces() : of{} {
        for (int byte = 0; byte < 256; ++byte)
            for (int bit = 0, count = 0; bit < 8; ++bit)
                if (byte >> bit & 1) of[byte][count++] = static_cast<uint8_t>(bit);
    }
};
alignas(64) constexpr BitPlaces kBitPlaces;
// Appends base + lane for every set lane; writes up to 16 entries, returns how many count.
SPLATSEG_INLINE int append_lanes(int32_t* out, int32_t base, uint32_t set) {
    typedef uint8_t Bytes __attribute__((vector_size(8)));
    typedef int32_t Ints __attribute__((vector_size(32)));
    int count = 0;
    SPLATSEG_UNROLL for (int half = 0; half < 2; ++half) {
        const uint32_t byte = set >> (8 * half) & 0xff;
        Bytes places;
        std::memcpy(&places, kBitPlaces.of[byte], sizeof(places));
        const Ints lanes = __builtin_convertvector(places, Ints) + (base + 8 * half);
        std::memcpy(out + count, &lanes, sizeof(lanes));
        count += __builtin_popcount(byte);
    }
    return count;
}

#endif

SPLATSEG_INLINE uint32_t first_lanes(int n) { return n >= kLanes ? 0xffffu : (1u << n) - 1; }
SPLATSEG_INLINE bool any(Mask m) { return bits(m) != 0; }
SPLATSEG_INLINE Vec clamp(Vec a, Vec low, Vec high) { return min(max(a, low), high); }

// 2^p for |p| < 126, relative error below 1.5e-7: p = n + f, |f| <= 1/2, and a minimax polynomial for 2^f. kCount of
// them in step: one alone is a chain of a dozen dependent operations.
template <int kCount>
SPLATSEG_INLINE void exp2(const Vec (&p)[kCount], Vec (&out)[kCount]) {
    constexpr float kCoefficients[6] = {1.3276471564345963e-3f, 9.675541376042306e-3f, 5.550713275647828e-2f,
                                        2.4022119722715848e-1f, 6.931469670622759e-1f, 1.000000071655213f};
    const Vec magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    Vec t[kCount], f[kCount];
    SPLATSEG_UNROLL for (int j = 0; j < kCount; ++j) t[j] = p[j] + magic;
    SPLATSEG_UNROLL for (int j = 0; j < kCount; ++j) f[j] = p[j] - (t[j] - magic);
    SPLATSEG_UNROLL for (int j = 0; j < kCount; ++j) out[j] = broadcast(kCoefficients[0]);
    SPLATSEG_UNROLL for (int c = 1; c < 6; ++c)
        SPLATSEG_UNROLL for (int j = 0; j < kCount; ++j) out[j] = fma(out[j], f[j], broadcast(kCoefficients[c]));
    SPLATSEG_UNROLL for (int j = 0; j < kCount; ++j) out[j] = scale_by_power(out[j], t[j]);
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
