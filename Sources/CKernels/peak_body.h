// What this processor does at most, once for every instruction set; included behind products_body.h.

// Hides a register's value from the compiler, which else would take the same product only once.
#if defined(__aarch64__)
#define HIDE(vector) __asm__("" : "+w"(vector))
#else
#define HIDE(vector) __asm__("" : "+v"(vector))
#endif

// Sums of a tile with no panel to load and nothing to store.
INLINE double multiply_registers(enum product_format format, size_t rounds) {
    int grouped = has_groups(format);
    tile_ints acc[TILE_ROWS][TILE_VECTORS] = {0}, a = {0}, b[TILE_VECTORS] = {0};
    const int32_t group = 0;
    for (size_t i = 0; i < rounds; i++)
        UNROLL for (int r = 0; r < TILE_ROWS; r++) {
            UNROLL for (int v = 0; v < TILE_VECTORS; v++) HIDE(b[v]);
            if (grouped) {
                row_dot(format, acc[r], b, (const unsigned char *)&group);
                continue;
            }
            UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
                tile_floats sum = __builtin_bit_cast(tile_floats, acc[r][v]);
                sum += __builtin_bit_cast(tile_floats, a) * __builtin_bit_cast(tile_floats, b[v]);
                acc[r][v] = __builtin_bit_cast(tile_ints, sum);
            }
        }
    UNROLL for (int r = 0; r < TILE_ROWS; r++)
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) HIDE(acc[r][v]);
    return 2.0 * (double)(rounds * TILE_ROWS * PANEL * group_of(format));
}

static double peak(enum product_format format, size_t rounds) {
    switch (format) {
    case PRODUCT_FP32: return multiply_registers(PRODUCT_FP32, rounds);
    case PRODUCT_BF16: return multiply_registers(PRODUCT_BF16, rounds);
    case PRODUCT_INT8: return multiply_registers(PRODUCT_INT8, rounds);
    }
    __builtin_unreachable();
}
