// Sixteen floats at a time, whatever registers there are: clang splits or keeps the vector type as the target needs.
// Sixteen everywhere means that sums are taken in the same order on every instruction set.
//
// Included inside the target pragma of a variant, so that these inline into it.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Everything that passes a vector by value is inlined: no calling convention is ever asked.
#pragma clang diagnostic ignored "-Wpsabi"

enum { LANES = 16 };
typedef float floats __attribute__((ext_vector_type(16)));
typedef float float8 __attribute__((ext_vector_type(8)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef float float2 __attribute__((ext_vector_type(2)));
typedef uint32_t words __attribute__((ext_vector_type(16)));
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE floats load(const float *p) {
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, floats v) { memcpy(p, &v, sizeof v); }

// The last `count` < LANES elements of a row; `rest` fills the lanes beyond.
INLINE floats load_tail(const float *p, size_t count, float rest) {
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++) lanes[i] = rest;
    for (size_t i = 0; i < count; i++) lanes[i] = p[i];
    return load(lanes);
}

INLINE void store_tail(float *p, floats v, size_t count) {
    float lanes[LANES];
    store(lanes, v);
    for (size_t i = 0; i < count; i++) p[i] = lanes[i];
}

INLINE floats splat(float x) { return (floats)(x); }

// NaN in `a` stays NaN.
INLINE floats larger(floats a, floats b) { return a < b ? b : a; }
INLINE floats smaller(floats a, floats b) { return a > b ? b : a; }

INLINE float sum_lanes(floats v) {
    float8 eight = v.lo + v.hi;
    float4 four = eight.lo + eight.hi;
    float2 two = four.lo + four.hi;
    return two.x + two.y;
}

// sum_lanes of each of four, to the bit.
INLINE float4 sum_lanes4(const floats v[4]) {
    float4 four[4];
    UNROLL for (int k = 0; k < 4; k++) {
        float8 eight = v[k].lo + v[k].hi;
        four[k] = eight.lo + eight.hi;
    }
    // Lanes 0 and 1 of two of them, and what is added to each.
    float4 ab = __builtin_shufflevector(four[0], four[1], 0, 1, 4, 5) + __builtin_shufflevector(four[0], four[1], 2, 3, 6, 7);
    float4 cd = __builtin_shufflevector(four[2], four[3], 0, 1, 4, 5) + __builtin_shufflevector(four[2], four[3], 2, 3, 6, 7);
    return __builtin_shufflevector(ab, cd, 0, 2, 4, 6) + __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
}

INLINE void store4(float *p, float4 v) { memcpy(p, &v, sizeof v); }

INLINE float max_lanes(floats v) {
    float8 eight = v.lo < v.hi ? v.hi : v.lo;
    float4 four = eight.lo < eight.hi ? eight.hi : eight.lo;
    float2 two = four.lo < four.hi ? four.hi : four.lo;
    return two.x < two.y ? two.y : two.x;
}

// exp, relative error below 2e-7 for -87.3 <= x <= 88.3; clamped outside, NaN stays NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 p(r), p a minimax polynomial (relative error 3e-9).
INLINE floats exp_lanes(floats x) {
    const floats magic = splat(0x1.8p23f); // adding it rounds to a whole number, kept in the low bits
    x = smaller(larger(x, splat(-87.33f)), splat(88.37f));
    floats shifted = x * splat(1.44269504f) + magic;
    floats n = shifted - magic;
    floats r = x - n * splat(0.693359375f); // 9 bits of ln 2: exact for every n that occurs
    r = r - n * splat(-2.12194440e-4f);
    floats p = splat(0x1.6a21acp-10f);
    p = p * r + splat(0x1.123b6ap-7f);
    p = p * r + splat(0x1.5558fap-5f);
    p = p * r + splat(0x1.555490p-3f);
    p = p * r + splat(0x1.fffffcp-2f);
    floats y = p * (r * r) + r + splat(1.0f);
    words power = (__builtin_bit_cast(words, shifted) - __builtin_bit_cast(words, magic) + 127) << 23;
    return y * __builtin_bit_cast(floats, power);
}

// Phi(v), the normal distribution function. Absolute error below 5e-7.
//
// Phi(v) = 1/2 + v R(v^2), R a rational function fitted (weighted least squares, reweighted to equal peaks) on |v| <= 5.3,
// where Phi reaches 0 and 1 within fp32. Numerator and denominator are two short chains that run side by side: one long
// polynomial would cost their latency twice.
INLINE floats normal_distribution_lanes(floats v) {
    floats x = smaller(larger(v, splat(-5.3f)), splat(5.3f));
    floats t = x * x;
    floats p = splat(-1.89551453e-08f), q = splat(0.000170424395f);
    p = p * t + splat(6.53760668e-06f);
    q = q * t + splat(0.00377816041f);
    p = p * t + splat(0.000503960702f);
    q = q * t + splat(0.0482492822f);
    p = p * t + splat(0.00665825553f);
    q = q * t + splat(0.339174273f);
    p = p * t + splat(0.068828233f);
    q = q * t + splat(1.0f);
    p = p * t + splat(0.398940673f);
    return splat(0.5f) + x * p / q;
}

// v * Phi(v). Absolute error below 5e-7 * max(1, |v|).
INLINE floats gelu_lanes(floats v) { return v * normal_distribution_lanes(v); }
