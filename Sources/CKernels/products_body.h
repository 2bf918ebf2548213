// Packed products and attention, once for every instruction set. A variant says how wide its registers are:
//
//     TILE_LANES     floats in a register
//     TILE_VECTORS   registers of a tile's row; their product, the panel's width, is a multiple of LANES
//     TILE_ROWS      rows of a tile: TILE_ROWS * TILE_VECTORS sums stay in registers
//     NARROW         1 where the processor multiplies bfloat16 and bytes themselves, 0 where weights are widened first
//     int8_dot       acc + the sum over one group of a * b: two int16 of each, or when NARROW four bytes, a without a sign
//     bf16_dot       the same of two bfloat16 of each; the sums' bits are passed as integers. Only when NARROW
//     bf16_round     LANES floats as bfloat16, nearest even. Only when NARROW
//     row_dot        optional: int8_dot of a tile's row, where the compiler's order of instructions costs
//
// A product is taken in blocks of rows (they and their results stay in L2), of inputs (a panel's part stays in L1, or
// comes from L2 in time where registers are wide), and panels of outputs. Sums over a block of inputs wait in `out` for
// the next.
#include <math.h>

// A step of a tile takes 32 bits of every row.
// Narrow rows take more of them: each panel's part is widened once a block.
enum { PANEL = TILE_LANES * TILE_VECTORS, BLOCK_STEPS = 384, BLOCK_ROWS = 96, MOST_ROWS = 144, ALIGNMENT = 64 };
_Static_assert(PANEL % LANES == 0 && BLOCK_ROWS % TILE_ROWS == 0 && MOST_ROWS % TILE_ROWS == 0,
               "tiles that do not fit");

typedef float tile_floats __attribute__((ext_vector_type(TILE_LANES)));
typedef int32_t tile_ints __attribute__((ext_vector_type(TILE_LANES)));

INLINE size_t rounded_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

#include "packing_body.h"
#include "activations_body.h"

// ---- tiles ----

#if NARROW
#define group_dot(format, acc, a, b) ((format) == PRODUCT_BF16 ? bf16_dot(acc, a, b) : int8_dot(acc, a, b))
#else
#define group_dot(format, acc, a, b) ((void)(format), int8_dot(acc, a, b))
#endif

// acc[v] += the group at `group` * b[v], for a row of a tile.
#ifndef row_dot
INLINE void row_dot(enum product_format format, tile_ints acc[TILE_VECTORS], const tile_ints b[TILE_VECTORS],
                    const unsigned char *group) {
    int32_t bits;
    memcpy(&bits, group, sizeof bits);
    tile_ints a = (tile_ints)(bits);
    UNROLL for (int v = 0; v < TILE_VECTORS; v++) acc[v] = group_dot(format, acc[v], a, b[v]);
}
#endif

INLINE tile_floats load_tile(const float *p) {
    tile_floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

// Keeps the compiler from folding row pointers into sums of one base: it would recompute those in every step.
#define SEPARATE(pointer) __asm__("" : "+r"(pointer))

// acc[r][.] += sum over k of rows[r][k] * panel[k][.]
INLINE void tile_fp32(const float *const *rows, const float *panel, size_t inputs,
                      tile_floats acc[TILE_ROWS][TILE_VECTORS]) {
    const float *row[TILE_ROWS];
    UNROLL for (int r = 0; r < TILE_ROWS; r++) row[r] = rows[r];
    for (size_t k = 0; k < inputs; k++, panel += PANEL) {
        tile_floats b[TILE_VECTORS];
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) b[v] = load_tile(panel + v * TILE_LANES);
        UNROLL for (int r = 0; r < TILE_ROWS; r++) {
            tile_floats a = (tile_floats)(row[r][k]);
            UNROLL for (int v = 0; v < TILE_VECTORS; v++) acc[r][v] += a * b[v];
        }
    }
}

// The same for groups of narrow numbers, 32 bits of them a step: panel[step][output][group]. `rows` lie at any address.
INLINE void tile_groups(enum product_format format, const void *const *rows, const void *panel, size_t steps,
                        tile_ints acc[TILE_ROWS][TILE_VECTORS]) {
    const unsigned char *row[TILE_ROWS], *weights = panel;
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        row[r] = rows[r];
        SEPARATE(row[r]);
    }
#pragma clang loop unroll_count(2)
    for (size_t k = 0; k < steps; k++, weights += PANEL * sizeof(int32_t)) {
        tile_ints b[TILE_VECTORS];
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) memcpy(&b[v], weights + (size_t)v * sizeof b[v], sizeof b[v]);
        UNROLL for (int r = 0; r < TILE_ROWS; r++) row_dot(format, acc[r], b, row[r] + k * sizeof(int32_t));
    }
}

// A tile's sums lie in `out` between blocks of inputs, as floats or as the bits of int32. A panel with fewer outputs goes
// through a buffer.
INLINE void load_sums(const float *out, size_t stride, size_t rows, size_t columns, void *acc) {
    float buffer[TILE_ROWS][PANEL];
    if (columns == PANEL) {
        tile_floats *sums = acc;
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            UNROLL for (int v = 0; v < TILE_VECTORS; v++)
                if ((size_t)r < rows)
                    sums[r * TILE_VECTORS + v] = load_tile(out + (size_t)r * stride + (size_t)v * TILE_LANES);
        return;
    }
    memset(buffer, 0, sizeof buffer);
    for (size_t r = 0; r < rows; r++) memcpy(buffer[r], out + r * stride, columns * sizeof(float));
    memcpy(acc, buffer, sizeof buffer);
}

INLINE void store_sums(float *out, size_t stride, size_t rows, size_t columns, const void *acc) {
    float buffer[TILE_ROWS][PANEL];
    if (columns == PANEL) {
        const tile_floats *sums = acc;
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            UNROLL for (int v = 0; v < TILE_VECTORS; v++)
                if ((size_t)r < rows)
                    memcpy(out + (size_t)r * stride + (size_t)v * TILE_LANES, &sums[r * TILE_VECTORS + v],
                           sizeof(tile_floats));
        return;
    }
    memcpy(buffer, acc, sizeof buffer);
    for (size_t r = 0; r < rows; r++) memcpy(out + r * stride, buffer[r], columns * sizeof(float));
}

// ---- products ----

static size_t product_scratch(size_t inputs) {
    return MOST_ROWS * (row_stride(inputs) * sizeof(uint16_t) + sizeof(float) + sizeof(int32_t)) + 2 * ALIGNMENT;
}

// A block of rows with what is known about it.
struct row_block {
    const struct packed_weights *weights;
    const float *x;      // [rows][inputs]
    void *prepared;      // the same in groups, [rows][row_stride], where the format has some
    float *row_scales;   // PRODUCT_INT8: [rows]
    int32_t *row_zeros;
    size_t rows;
    const float *residual; // PRODUCT_ADD_NORM: [rows][outputs]
    float *out;            // [rows][outputs]
};

// A layer whose rows are prepared: else they are multiplied as they are.
INLINE int has_groups(enum product_format format) { return group_of(format) > 1; }

INLINE const void *prepared_row(const struct row_block *block, enum product_format format, size_t row, size_t first) {
    size_t place = row * row_stride(block->weights->inputs) + first;
    return (unsigned char *)block->prepared + place * (4 / group_of(format));
}

INLINE void prepare_rows(const struct row_block *block) {
    const struct packed_weights *w = block->weights;
    if (w->format == PRODUCT_INT8)
        quantize_rows(block->x, block->rows, w->inputs, *int8_layer_of(w->data, w->inputs, w->outputs).limit,
                      block->prepared, block->row_scales, block->row_zeros);
#if NARROW
    if (w->format == PRODUCT_BF16) round_rows(block->x, block->rows, w->inputs, block->prepared);
#endif
}

// The part of a panel that the inputs from `first` on use, as the tile reads it: where it lies, or, when the processor
// does not multiply such numbers, widened into `buffer` once for all rows of the block.
INLINE const void *panel_part(const struct packed_weights *w, enum product_format format, size_t column, size_t first,
                              size_t count, void *buffer) {
    const unsigned char *part = w->data;
    part += (column * padded_inputs(format, w->inputs) + first * PANEL) * weight_bytes(format);
    if (NARROW || format == PRODUCT_FP32) return part;
    if (format == PRODUCT_BF16) {
        bfloat16_to_float(part, buffer, count * PANEL);
    } else {
        const int8_t *narrow = (const int8_t *)part;
        int16_t *wide = buffer;
        for (size_t i = 0; i < padded_inputs(format, count) * PANEL; i++) wide[i] = narrow[i];
    }
    return buffer;
}

// Sums of integers become numbers. A row's zero point has been counted with every weight of an output.
INLINE void scale_sums(tile_ints acc[TILE_ROWS][TILE_VECTORS], const struct row_block *block, size_t row, size_t rows,
                       size_t column) {
    const struct packed_weights *w = block->weights;
    struct int8_layer layer = int8_layer_of(w->data, w->inputs, w->outputs);
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        size_t known = row + ((size_t)r < rows ? (size_t)r : rows - 1);
        float row_scale = block->row_scales[known];
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
            size_t place = column + (size_t)v * TILE_LANES;
#if NARROW
            tile_ints sums;
            memcpy(&sums, layer.sums + place, sizeof sums);
            acc[r][v] -= sums * block->row_zeros[known];
#endif
            tile_floats scale = load_tile(layer.scales + place) * row_scale;
            acc[r][v] = __builtin_bit_cast(tile_ints, __builtin_convertvector(acc[r][v], tile_floats) * scale);
        }
    }
}

// Adds the bias, and for PRODUCT_ADD_NORM the residual, to finished sums while they are in registers.
INLINE void add_terms(void *acc, const struct row_block *block, const struct product_epilogue *epilogue, size_t row,
                      size_t rows, size_t column, size_t columns) {
    const float *residual = epilogue->ending == PRODUCT_ADD_NORM ? block->residual : NULL;
    size_t stride = block->weights->outputs;
    tile_floats *sums = acc;
    if (columns == PANEL) {
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
            size_t place = column + (size_t)v * TILE_LANES;
            tile_floats bias = load_tile(epilogue->bias + place);
            UNROLL for (int r = 0; r < TILE_ROWS; r++) {
                sums[r * TILE_VECTORS + v] += bias;
                if (residual && (size_t)r < rows)
                    sums[r * TILE_VECTORS + v] += load_tile(residual + (row + (size_t)r) * stride + place);
            }
        }
        return;
    }
    float buffer[TILE_ROWS][PANEL];
    memcpy(buffer, acc, sizeof buffer);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            buffer[r][c] += epilogue->bias[column + c];
            if (residual) buffer[r][c] += residual[(row + r) * stride + column + c];
        }
    memcpy(acc, buffer, sizeof buffer);
}

INLINE void gelu_segment(float *row, size_t count) {
    size_t whole = count - count % LANES, rest = count % LANES;
    for (size_t c = 0; c < whole; c += LANES) store(row + c, gelu_lanes(load(row + c)));
    if (rest) store_tail(row + whole, gelu_lanes(load_tail(row + whole, rest, 0)), rest);
}

// One panel of outputs over one block of inputs.
INLINE void product_panel(const struct row_block *block, enum product_format format, size_t column, size_t first,
                          size_t count, const struct product_epilogue *epilogue, void *buffer) {
    const struct packed_weights *w = block->weights;
    size_t columns = w->outputs - column < PANEL ? w->outputs - column : PANEL;
    int isLast = first + count >= w->inputs;
    const void *panel = panel_part(w, format, column, first, count, buffer);
    for (size_t m = 0; m < block->rows; m += TILE_ROWS) {
        size_t rows = block->rows - m < TILE_ROWS ? block->rows - m : TILE_ROWS;
        float *out = block->out + m * w->outputs + column;
        // Missing rows repeat the last one; their sums are not stored.
#define ROW(r) (m + ((size_t)(r) < rows ? (size_t)(r) : rows - 1))
        if (has_groups(format)) {
            tile_ints acc[TILE_ROWS][TILE_VECTORS] = {0};
            const void *row[TILE_ROWS];
            UNROLL for (int r = 0; r < TILE_ROWS; r++)
                row[r] = prepared_row(block, format, ROW(r), first);
            if (first > 0) load_sums(out, w->outputs, rows, columns, acc);
            tile_groups(format, row, panel, padded_inputs(format, count) / group_of(format), acc);
            if (isLast && format == PRODUCT_INT8) scale_sums(acc, block, m, rows, column);
            if (isLast) add_terms(acc, block, epilogue, m, rows, column, columns);
            store_sums(out, w->outputs, rows, columns, acc);
        } else {
            tile_floats acc[TILE_ROWS][TILE_VECTORS] = {0};
            const float *row[TILE_ROWS];
            UNROLL for (int r = 0; r < TILE_ROWS; r++) row[r] = block->x + ROW(r) * w->inputs + first;
            if (first > 0) load_sums(out, w->outputs, rows, columns, acc);
            tile_fp32(row, panel, count, acc);
            if (isLast) add_terms(acc, block, epilogue, m, rows, column, columns);
            store_sums(out, w->outputs, rows, columns, acc);
        }
#undef ROW
        if (isLast && epilogue->ending == PRODUCT_GELU)
            for (size_t r = 0; r < rows; r++) gelu_segment(out + r * w->outputs, columns);
    }
}

INLINE void product_block(const struct row_block *block, enum product_format format,
                          const struct product_epilogue *epilogue) {
    _Alignas(ALIGNMENT) unsigned char buffer[NARROW ? 1 : PANEL * BLOCK_STEPS * sizeof(float)];
    const struct packed_weights *w = block->weights;
    size_t first = 0, most = BLOCK_STEPS * group_of(format);
    do { // once even without inputs: the epilogue of nothing
        size_t count = w->inputs - first < most ? w->inputs - first : most;
        for (size_t column = 0; column < w->outputs; column += PANEL)
            product_panel(block, format, column, first, count, epilogue, buffer);
        first += most;
    } while (first < w->inputs);
}

static void product(const struct packed_weights *w, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch) {
    float *row_scales = scratch;
    int32_t *row_zeros = (int32_t *)(row_scales + rounded_up(MOST_ROWS, LANES));
    size_t most = w->format == PRODUCT_INT8 ? MOST_ROWS : BLOCK_ROWS;
    for (size_t m = 0; m < rows; m += most) {
        struct row_block block = {
            .weights = w,
            .x = x + m * w->inputs,
            .prepared = row_zeros + rounded_up(MOST_ROWS, LANES),
            .row_scales = row_scales,
            .row_zeros = row_zeros,
            .rows = rows - m < most ? rows - m : most,
            .residual = epilogue->ending == PRODUCT_ADD_NORM ? epilogue->residual + m * w->outputs : NULL,
            .out = out + m * w->outputs,
        };
        prepare_rows(&block);
        switch (w->format) {
        case PRODUCT_FP32: product_block(&block, PRODUCT_FP32, epilogue); break;
        case PRODUCT_BF16: product_block(&block, PRODUCT_BF16, epilogue); break;
        case PRODUCT_INT8: product_block(&block, PRODUCT_INT8, epilogue); break;
        }
        if (epilogue->ending == PRODUCT_ADD_NORM)
            layer_norm(block.out, block.rows, w->outputs, epilogue->gamma, epilogue->beta, epilogue->epsilon,
                       block.out);
    }
}
