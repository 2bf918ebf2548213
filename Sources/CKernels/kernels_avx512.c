// x86-64 with 512-bit registers: Skylake-SP, Zen 4 and later.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#define KERNEL_TABLE kernel_table_avx512
#define KERNEL_NAME "avx512"
// 32 registers: 24 sums, 3 of the panel, an activation and a product.
#define TILE_LANES 16
#define TILE_VECTORS 3
#define TILE_ROWS 8
#define NARROW 0
#define int8_dot(acc, a, b)                                                                                            \
    ((acc) + __builtin_bit_cast(tile_ints, _mm512_madd_epi16(__builtin_bit_cast(__m512i, a), __builtin_bit_cast(__m512i, b))))
#include "kernels_body.h"
#pragma clang attribute pop
#endif
