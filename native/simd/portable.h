// The 16 lanes in two AVX registers or four of 4 lanes (SSE, NEON), by the compiler's vector extensions, with
// intrinsics only where it would not find the instruction itself. Included by simd.h.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace splatseg::SPLATSEG_LEVEL {

#if defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kParts = kLanes / kWidth;
typedef float Reg __attribute__((vector_size(4 * kWidth)));
typedef int32_t IntReg __attribute__((vector_size(4 * kWidth)));
typedef uint32_t BitReg __attribute__((vector_size(4 * kWidth)));  // for arithmetic that may wrap
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
// A b + c
SPLATSEG_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(__FMA__)
    SPLATSEG_PARTS c.v[i] = _mm256_fmadd_ps(a.v[i], b.v[i], c.v[i]);
#else
    SPLATSEG_PARTS c.v[i] = a.v[i] * b.v[i] + c.v[i];
#endif
    return c;
}
// C - a b
SPLATSEG_INLINE Vec fnma(Vec a, Vec b, Vec c) {
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
    SPLATSEG_PARTS
        for (int k = 0; k < kWidth; ++k) a.v[i][k] = __builtin_sqrtf(a.v[i][k]);
#endif
    return a;
}
SPLATSEG_INLINE Vec floor(Vec a) {
#if defined(__AVX__)
    SPLATSEG_PARTS a.v[i] = _mm256_floor_ps(a.v[i]);
#elif defined(__SSE4_1__)
    SPLATSEG_PARTS a.v[i] = _mm_floor_ps(a.v[i]);
#else
    SPLATSEG_PARTS
        for (int k = 0; k < kWidth; ++k) a.v[i][k] = __builtin_floorf(a.v[i][k]);
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
// Zero elsewhere
SPLATSEG_INLINE Vec keep(Mask m, Vec a) {
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
// 2^n times a, where t = n + 1.5 * 2^23: the low bits of t are n, and what is shifted out is the rest of it
SPLATSEG_INLINE Vec scale_by_power(Vec a, Vec t) {
    SPLATSEG_PARTS a.v[i] = (Reg)((BitReg)a.v[i] + ((BitReg)t.v[i] << 23));
    return a;
}
// Of a positive normal number whose mantissa will be taken in [sqrt(1/2), sqrt(2)): 0x3f3504f3 are the bits of
// sqrt(1/2), so the difference from them carries into the exponent exactly where the mantissa passes sqrt(2).
SPLATSEG_INLINE Vec exponent(Vec a) {
    SPLATSEG_PARTS a.v[i] = __builtin_convertvector(((IntReg)a.v[i] - 0x3f3504f3) >> 23, Reg);
    return a;
}
SPLATSEG_INLINE Vec mantissa(Vec a) {
    SPLATSEG_PARTS a.v[i] = (Reg)((IntReg)a.v[i] - (((IntReg)a.v[i] - 0x3f3504f3) & static_cast<int32_t>(0xff800000)));
    return a;
}
SPLATSEG_INLINE Vec reciprocal(Vec a) {
    SPLATSEG_PARTS a.v[i] = 1.0f / a.v[i];
    return a;
}
// The set lanes only
SPLATSEG_INLINE void store_lanes(float* p, Vec a, uint32_t lanes) {
    alignas(64) float lane[kLanes];
    store(lane, a);
    for (; lanes; lanes &= lanes - 1) p[__builtin_ctz(lanes)] = lane[__builtin_ctz(lanes)];
}
// Zero elsewhere, where memory is not touched
SPLATSEG_INLINE Vec load_lanes(const float* p, uint32_t lanes) {
    alignas(64) float lane[kLanes] = {};
    for (; lanes; lanes &= lanes - 1) lane[__builtin_ctz(lanes)] = p[__builtin_ctz(lanes)];
    return load(lane);
}
// 4x4 floats, rows `from_stride` and `to_stride` apart: to[k][i] = from[i][k]
SPLATSEG_INLINE void transpose4(const float* from, int from_stride, float* to, int to_stride) {
    typedef float Quad __attribute__((vector_size(16)));
    Quad r[4], t[4], u[4];
    SPLATSEG_UNROLL
    for (int i = 0; i < 4; ++i) std::memcpy(&r[i], from + i * from_stride, sizeof(Quad));
    t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);  // two rows, lane by lane; then pairs of those
    t[1] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    t[2] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    t[3] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    u[0] = __builtin_shufflevector(t[0], t[2], 0, 1, 4, 5);
    u[1] = __builtin_shufflevector(t[0], t[2], 2, 3, 6, 7);
    u[2] = __builtin_shufflevector(t[1], t[3], 0, 1, 4, 5);
    u[3] = __builtin_shufflevector(t[1], t[3], 2, 3, 6, 7);
    SPLATSEG_UNROLL
    for (int i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &u[i], sizeof(Quad));
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
    SPLATSEG_UNROLL
    for (int half = 0; half < 2; ++half) {
        const uint32_t byte = set >> (8 * half) & 0xff;
        Bytes places;
        std::memcpy(&places, kBitPlaces.of[byte], sizeof(places));
        const Ints lanes = __builtin_convertvector(places, Ints) + (base + 8 * half);
        std::memcpy(out + count, &lanes, sizeof(lanes));
        count += __builtin_popcount(byte);
    }
    return count;
}
// The values of the set lanes, one after another; writes up to 16.
SPLATSEG_INLINE void append_values(float* out, Vec a, uint32_t set) {
    alignas(64) float lane[kLanes];
    store(lane, a);
    for (; set; set &= set - 1) *out++ = lane[__builtin_ctz(set)];
}

}  // namespace splatseg::SPLATSEG_LEVEL
