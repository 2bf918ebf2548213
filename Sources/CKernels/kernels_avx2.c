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
// Both products before both sums: in turns, as the compiler orders them, a step takes 8.1 cycles on Zen 3 instead of 7.5
// (additions take the two pipes that multiply), and the compiler spills a sum.
#define row_dot(format, acc, b, group)                                                                                 \
    do {                                                                                                               \
        tile_ints product, a;                                                                                          \
        (void)(format);                                                                                                \
        __asm__("vpbroadcastd %[x], %[a]\n\tvpmaddwd %[b0], %[a], %[p]\n\tvpmaddwd %[b1], %[a], %[a]\n\t"                \
                "vpaddd %[p], %[s0], %[s0]\n\tvpaddd %[a], %[s1], %[s1]"                                               \
                : [s0] "+x"((acc)[0]), [s1] "+x"((acc)[1]), [p] "=&x"(product), [a] "=&x"(a)                           \
                : [b0] "x"((b)[0]), [b1] "x"((b)[1]), [x] "m"(*(const int32_t(*))(group)));                            \
    } while (0)
#include "kernels_body.h"
#pragma clang attribute pop
#endif
