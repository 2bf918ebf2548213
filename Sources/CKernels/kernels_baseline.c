// Whatever the compiler may assume of the architecture: SSE2 on x86-64, NEON on arm64.
#define KERNEL_TABLE kernel_table_baseline
#define TILE_LANES 4
#define TILE_VECTORS 4
// Two names: they round differently, one fuses multiplications with additions.
#if defined(__aarch64__)
#define KERNEL_NAME "neon"
#define TILE_ROWS 6 // 32 registers
#else
#define KERNEL_NAME "baseline"
#define TILE_ROWS 3 // 16 registers
#endif
#define NARROW 0
#define int8_dot(acc, a, b) ((acc) + ((a) << 16 >> 16) * ((b) << 16 >> 16) + ((a) >> 16) * ((b) >> 16))
#include "kernels_body.h"
