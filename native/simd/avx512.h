// The 16 lanes in one AVX-512 register. Included by simd.h, which explains the operations.
#pragma once

#include <immintrin.h>

namespace splatseg::SPLATSEG_LEVEL {

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
SPLATSEG_INLINE Vec floor(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
SPLATSEG_INLINE Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ); }
SPLATSEG_INLINE Mask at_least(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
SPLATSEG_INLINE Mask both(Mask a, Mask b) { return a & b; }
SPLATSEG_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }
SPLATSEG_INLINE Vec keep(Mask m, Vec a) { return {_mm512_maskz_mov_ps(m, a.v)}; }  // zero elsewhere
SPLATSEG_INLINE uint32_t bits(Mask m) { return m; }
SPLATSEG_INLINE Mask mask_from_bits(uint32_t b) { return static_cast<Mask>(b); }
// 2^n times a, where t = n + 1.5 * 2^23: the low bits of t are n, and what is shifted out is the rest of it
SPLATSEG_INLINE Vec scale_by_power(Vec a, Vec t) {
    return {_mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_slli_epi32(_mm512_castps_si512(t.v), 23)))};
}
// Of a positive normal number whose mantissa will be taken in [sqrt(1/2), sqrt(2)): 0x3f3504f3 are the bits of
// sqrt(1/2), so the difference from them carries into the exponent exactly where the mantissa passes sqrt(2).
SPLATSEG_INLINE Vec exponent(Vec a) {
    const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x3f3504f3));
    return {_mm512_cvtepi32_ps(_mm512_srai_epi32(shifted, 23))};
}
SPLATSEG_INLINE Vec mantissa(Vec a) {
    const __m512i shifted = _mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x3f3504f3));
    const __m512i power = _mm512_and_si512(shifted, _mm512_set1_epi32(static_cast<int>(0xff800000)));
    return {_mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a.v), power))};
}
// To within an ulp or two: an estimate of 14 bits and one step of Newton's method
SPLATSEG_INLINE Vec reciprocal(Vec a) {
    const __m512 r = _mm512_rcp14_ps(a.v);
    return {_mm512_mul_ps(r, _mm512_fnmadd_ps(a.v, r, _mm512_set1_ps(2.0f)))};
}
// The set lanes only
SPLATSEG_INLINE void store_lanes(float* p, Vec a, uint32_t lanes) {
    _mm512_mask_storeu_ps(p, static_cast<Mask>(lanes), a.v);
}
// Zero elsewhere, where memory is not touched
SPLATSEG_INLINE Vec load_lanes(const float* p, uint32_t lanes) {
    return {_mm512_maskz_loadu_ps(static_cast<Mask>(lanes), p)};
}
// rows[i] lane k  ->  rows[k] lane i: 4x4 blocks are turned in place (pairs of floats, then pairs of doubles), then the
// blocks, which are quarters of a register, change places.
SPLATSEG_INLINE void transpose(Vec (&rows)[16]) {
    __m512 t[16], u[16];
    SPLATSEG_UNROLL
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
        t[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
    }
    const auto low = [](__m512 a, __m512 b) {
        return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    };
    const auto high = [](__m512 a, __m512 b) {
        return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
    };
    SPLATSEG_UNROLL
    for (int i = 0; i < 16; i += 4) {
        u[i] = low(t[i], t[i + 2]);
        u[i + 1] = high(t[i], t[i + 2]);
        u[i + 2] = low(t[i + 1], t[i + 3]);
        u[i + 3] = high(t[i + 1], t[i + 3]);
    }
    SPLATSEG_UNROLL
    for (int i = 0; i < 4; ++i) {
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
    SPLATSEG_UNROLL
    for (int i = 0; i < 8; ++i) {  // two records a register, so that the halves end in order
        const int first = i < 4 ? i : i + 4;
        r[i] = _mm512_castpd_ps(
            _mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(_mm256_loadu_ps(records[first]))),
                               _mm256_castps_pd(_mm256_loadu_ps(records[first + 4])), 1));
    }
    SPLATSEG_UNROLL
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    SPLATSEG_UNROLL
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
        u[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
        u[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
        u[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    }
    SPLATSEG_UNROLL
    for (int i = 0; i < 4; ++i) {
        fields[i].v = _mm512_shuffle_f32x4(u[i], u[4 + i], 0x88);
        fields[4 + i].v = _mm512_shuffle_f32x4(u[i], u[4 + i], 0xdd);
    }
}
// Appends base + lane for every set lane; writes 16 entries, returns how many count.
SPLATSEG_INLINE int append_lanes(int32_t* out, int32_t base, uint32_t set) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places = _mm512_add_epi32(lanes, _mm512_set1_epi32(base));
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(static_cast<Mask>(set), places));
    return __builtin_popcount(set);
}
// The values of the set lanes, one after another; writes 16.
SPLATSEG_INLINE void append_values(float* out, Vec a, uint32_t set) {
    _mm512_storeu_ps(out, _mm512_maskz_compress_ps(static_cast<Mask>(set), a.v));
}

}  // namespace splatseg::SPLATSEG_LEVEL
