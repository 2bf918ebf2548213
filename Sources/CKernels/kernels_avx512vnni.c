// x86-64 that multiplies bfloat16 and bytes: Zen 4, Cooper Lake, Sapphire Rapids and later.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma"))), apply_to = function)
#define KERNEL_TABLE kernel_table_avx512vnni
#define KERNEL_NAME "avx512-vnni"
// 32 registers: 24 sums, 3 of the panel and an activation.
#define TILE_LANES 16
#define TILE_VECTORS 3
#define TILE_ROWS 8
#define NARROW 1
#define int8_dot(acc, a, b)                                                                                            \
    __builtin_bit_cast(tile_ints, _mm512_dpbusd_epi32(__builtin_bit_cast(__m512i, acc), __builtin_bit_cast(__m512i, a), \
                                                      __builtin_bit_cast(__m512i, b)))
// Takes subnormal numbers as zeros, and makes none.
#define bf16_dot(acc, a, b)                                                                                            \
    __builtin_bit_cast(tile_ints, _mm512_dpbf16_ps(__builtin_bit_cast(__m512, acc), __builtin_bit_cast(__m512bh, b),    \
                                                   __builtin_bit_cast(__m512bh, a)))
#define bf16_round(v) __builtin_bit_cast(halves, _mm512_cvtneps_pbh(__builtin_bit_cast(__m512, v)))
#include "kernels_body.h"
#pragma clang attribute pop
#endif
