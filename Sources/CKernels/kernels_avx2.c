// x86-64 since Haswell (2013) and Excavator (2015).
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNEL_TABLE kernel_table_avx2
#define KERNEL_NAME "avx2"
// 16 registers: 12 sums, 2 of the panel, an activation and a product.
#define TILE_LANES 8
#define TILE_VECTORS 2
#define TILE_ROWS 6
#define NARROW 0
#define int8_dot(acc, a, b)                                                                                            \
    ((acc) + __builtin_bit_cast(tile_ints, _mm256_madd_epi16(__builtin_bit_cast(__m256i, a), __builtin_bit_cast(__m256i, b))))
#include "kernels_body.h"
#pragma clang attribute pop
#endif
