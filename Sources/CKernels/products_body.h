// Packed products and attention, once for every instruction set. A variant says how wide its registers are:
//
//     TILE_LANES     floats in a register
//     TILE_VECTORS   registers of a tile's row; their product, the panel's width, is a multiple of LANES
//     TILE_ROWS      rows of a tile: TILE_ROWS * TILE_VECTORS sums stay in registers
//     pair_dot       acc + a.low * b.low + a.high * b.high for int16 pairs in the lanes of a and b
//
// A product is taken in blocks of rows (they and their results stay in L2), of inputs (a panel's part stays in L1), and
// panels of outputs. Sums over a block of inputs wait in `out` for the next.
#include <math.h>

enum { PANEL = TILE_LANES * TILE_VECTORS, BLOCK_ROWS = 96, BLOCK_INPUTS = 384, ALIGNMENT = 64 };
_Static_assert(PANEL % LANES == 0 && BLOCK_ROWS % TILE_ROWS == 0 && BLOCK_INPUTS % 4 == 0, "tiles that do not fit");

typedef float tile_floats __attribute__((ext_vector_type(TILE_LANES)));
typedef int32_t tile_ints __attribute__((ext_vector_type(TILE_LANES)));
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE size_t rounded_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

// ---- packing ----

INLINE size_t padded_inputs(enum product_format format, size_t inputs) {
    return format == PRODUCT_INT8 ? rounded_up(inputs, 2) : inputs;
}

INLINE size_t weight_bytes(enum product_format format) {
    return format == PRODUCT_FP32 ? 4 : format == PRODUCT_BF16 ? 2 : 1;
}

INLINE size_t panels_size(enum product_format format, size_t inputs, size_t outputs) {
    return rounded_up(padded_inputs(format, inputs) * rounded_up(outputs, PANEL) * weight_bytes(format), ALIGNMENT);
}

// Behind an int8 layer's panels.
struct int8_layer {
    float limit;    // largest magnitude of an activation's integer
    float *scales;  // [outputs, padded to whole panels]
};

static size_t packed_size(enum product_format format, size_t inputs, size_t outputs) {
    size_t panels = panels_size(format, inputs, outputs);
    return format == PRODUCT_INT8 ? panels + (LANES + rounded_up(outputs, PANEL)) * sizeof(float) : panels;
}

INLINE struct int8_layer int8_layer_of(const void *data, size_t inputs, size_t outputs) {
    float *tail = (float *)((unsigned char *)(uintptr_t)data + panels_size(PRODUCT_INT8, inputs, outputs));
    return (struct int8_layer){.limit = tail[0], .scales = tail + LANES};
}

static void pack_int8(const float *weights, size_t inputs, size_t outputs, void *data) {
    int8_t *panels = data;
    size_t padded = padded_inputs(PRODUCT_INT8, inputs);
    float *tail = (float *)((unsigned char *)data + panels_size(PRODUCT_INT8, inputs, outputs));
    double largest_sum = 1;
    for (size_t o = 0; o < outputs; o++) {
        const float *row = weights + o * inputs;
        float most = 0;
        for (size_t k = 0; k < inputs; k++) most = fabsf(row[k]) > most ? fabsf(row[k]) : most;
        float steps = most > 0x1p-100f ? 127.0f / most : 0;
        tail[LANES + o] = steps > 0 ? most / 127.0f : 0;
        int8_t *column = panels + o / PANEL * PANEL * padded + o % PANEL * 2;
        double sum = 0;
        for (size_t k = 0; k < inputs; k++) {
            float q = nearbyintf(row[k] * steps);
            sum += fabsf(q);
            column[k / 2 * 2 * PANEL + k % 2] = (int8_t)q;
        }
        largest_sum = sum > largest_sum ? sum : largest_sum;
    }
    double limit = floor(2147483647.0 / largest_sum);
    tail[0] = (float)(limit < 32767 ? limit : 32767);
}

static void pack(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data) {
    memset(data, 0, packed_size(format, inputs, outputs));
    if (format == PRODUCT_INT8) {
        pack_int8(weights, inputs, outputs, data);
        return;
    }
    for (size_t o = 0; o < outputs; o++) {
        size_t first = o / PANEL * PANEL * inputs + o % PANEL;
        const float *row = weights + o * inputs;
        if (format == PRODUCT_FP32)
            for (size_t k = 0; k < inputs; k++) ((float *)data)[first + k * PANEL] = row[k];
        else
            for (size_t k = 0; k < inputs; k++) float_to_bfloat16(row + k, (uint16_t *)data + first + k * PANEL, 1);
    }
}

// ---- tiles ----

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

// The same for int16 pairs: panel[k / 2][output][2].
INLINE void tile_int16(const int16_t *const *rows, const int16_t *panel, size_t inputs,
                       tile_ints acc[TILE_ROWS][TILE_VECTORS]) {
    const int16_t *row[TILE_ROWS];
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        row[r] = rows[r];
        SEPARATE(row[r]);
    }
#pragma clang loop unroll_count(2)
    for (size_t k = 0; k < inputs; k += 2, panel += 2 * PANEL) {
        tile_ints b[TILE_VECTORS];
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) memcpy(&b[v], panel + 2 * v * TILE_LANES, sizeof b[v]);
        UNROLL for (int r = 0; r < TILE_ROWS; r++) {
            int32_t pair;
            memcpy(&pair, row[r] + k, sizeof pair);
            tile_ints a = (tile_ints)(pair);
            UNROLL for (int v = 0; v < TILE_VECTORS; v++) acc[r][v] = pair_dot(acc[r][v], a, b[v]);
        }
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

// ---- activations ----

// Rows as integers of at most `limit`: out[r][k] = x[r][k] / scales[r]; `stride` is even, what is beyond `inputs` 0.
static void quantize_rows(const float *x, size_t rows, size_t inputs, float limit, int16_t *out, size_t stride,
                          float *scales) {
    typedef int16_t shorts __attribute__((ext_vector_type(LANES)));
    typedef int32_t ints __attribute__((ext_vector_type(LANES)));
    const floats magic = splat(0x1.8p23f); // adding it rounds to a whole number, kept in the low bits
    size_t whole = inputs - inputs % LANES, rest = inputs % LANES;
    for (size_t r = 0; r < rows; r++, x += inputs, out += stride) {
        floats most = splat(0), bad = splat(0); // x - x is NaN where x is not finite
        for (size_t k = 0; k < whole; k += LANES) {
            floats v = load(x + k);
            most = larger(most, larger(v, -v));
            bad += v - v;
        }
        if (rest) {
            floats v = load_tail(x + whole, rest, 0);
            most = larger(most, larger(v, -v));
            bad += v - v;
        }
        float magnitude = max_lanes(most), nan = sum_lanes(bad);
        // Below this a row is nothing, and its reciprocal would overflow.
        int isZero = magnitude < 0x1p-100f;
        scales[r] = (isZero ? 0 : magnitude / limit) + nan;
        float steps = isZero || nan != nan ? 0 : limit / magnitude;
        for (size_t k = 0; k < whole; k += LANES) {
            floats shifted = load(x + k) * steps + magic;
            ints q = __builtin_bit_cast(ints, shifted) - __builtin_bit_cast(ints, magic);
            shorts narrow = __builtin_convertvector(q, shorts);
            memcpy(out + k, &narrow, sizeof narrow);
        }
        for (size_t k = whole; k < stride; k++) {
            float shifted = (k < inputs ? x[k] * steps : 0) + 0x1.8p23f;
            out[k] = (int16_t)(__builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, 0x1.8p23f));
        }
    }
}

static size_t product_scratch(size_t inputs) {
    return BLOCK_ROWS * (rounded_up(inputs, 2) * sizeof(int16_t) + sizeof(float)) + ALIGNMENT;
}

// ---- products ----

// A block of rows with what is known about it.
struct row_block {
    const struct packed_weights *weights;
    const float *x;        // [rows][inputs]
    const int16_t *digits; // PRODUCT_INT8: [rows][padded inputs], and their scales
    const float *row_scales;
    size_t rows;
    float *out; // [rows][outputs]
};

// The part of a panel that the inputs from `first` on use, as the tile reads it: narrow weights are widened into
// `buffer` once for all rows of the block.
INLINE const void *widened(const struct packed_weights *w, size_t column, size_t first, size_t count, void *buffer) {
    size_t padded = padded_inputs(w->format, w->inputs);
    size_t start = column * padded + first * PANEL;
    switch (w->format) {
    case PRODUCT_FP32: return (const float *)w->data + start;
    case PRODUCT_BF16: {
        bfloat16_to_float((const uint16_t *)w->data + start, buffer, count * PANEL);
        return buffer;
    }
    case PRODUCT_INT8: {
        const int8_t *narrow = (const int8_t *)w->data + start;
        int16_t *wide = buffer;
        for (size_t i = 0; i < rounded_up(count, 2) * PANEL; i++) wide[i] = narrow[i];
        return buffer;
    }
    }
    __builtin_unreachable();
}

INLINE void scale_sums(tile_ints acc[TILE_ROWS][TILE_VECTORS], const float *row_scales, size_t rows,
                       const float *scales) {
    UNROLL for (int r = 0; r < TILE_ROWS; r++) {
        float row_scale = row_scales[(size_t)r < rows ? (size_t)r : rows - 1];
        UNROLL for (int v = 0; v < TILE_VECTORS; v++) {
            tile_floats scale = load_tile(scales + v * TILE_LANES) * row_scale;
            tile_floats sums = __builtin_convertvector(acc[r][v], tile_floats) * scale;
            acc[r][v] = __builtin_bit_cast(tile_ints, sums);
        }
    }
}

INLINE void end_segment(float *row, const float *bias, size_t count, enum product_ending ending) {
    size_t whole = count - count % LANES, rest = count % LANES;
    if (ending == PRODUCT_ADD_NORM) return; // needs the whole row
    for (size_t c = 0; c < whole; c += LANES) {
        floats v = load(row + c) + load(bias + c);
        store(row + c, ending == PRODUCT_GELU ? gelu_lanes(v) : v);
    }
    if (rest) {
        floats v = load_tail(row + whole, rest, 0) + load_tail(bias + whole, rest, 0);
        store_tail(row + whole, ending == PRODUCT_GELU ? gelu_lanes(v) : v, rest);
    }
}

// One panel of outputs over one block of inputs.
INLINE void product_panel(const struct row_block *block, enum product_format format, size_t column, size_t first,
                          size_t count, const struct product_epilogue *epilogue, void *buffer) {
    const struct packed_weights *w = block->weights;
    size_t columns = w->outputs - column < PANEL ? w->outputs - column : PANEL;
    int isLast = first + count >= w->inputs;
    const void *panel = widened(w, column, first, count, buffer);
    size_t padded = padded_inputs(format, w->inputs);
    for (size_t m = 0; m < block->rows; m += TILE_ROWS) {
        size_t rows = block->rows - m < TILE_ROWS ? block->rows - m : TILE_ROWS;
        float *out = block->out + m * w->outputs + column;
        // Missing rows repeat the last one; their sums are not stored.
#define ROW(r) (m + ((size_t)(r) < rows ? (size_t)(r) : rows - 1))
        if (format == PRODUCT_INT8) {
            tile_ints acc[TILE_ROWS][TILE_VECTORS] = {0};
            const int16_t *row[TILE_ROWS];
            UNROLL for (int r = 0; r < TILE_ROWS; r++) row[r] = block->digits + ROW(r) * padded + first;
            if (first > 0) load_sums(out, w->outputs, rows, columns, acc);
            tile_int16(row, panel, count, acc);
            if (isLast) {
                struct int8_layer layer = int8_layer_of(w->data, w->inputs, w->outputs);
                scale_sums(acc, block->row_scales + m, rows, layer.scales + column);
            }
            store_sums(out, w->outputs, rows, columns, acc);
        } else {
            tile_floats acc[TILE_ROWS][TILE_VECTORS] = {0};
            const float *row[TILE_ROWS];
            UNROLL for (int r = 0; r < TILE_ROWS; r++) row[r] = block->x + ROW(r) * w->inputs + first;
            if (first > 0) load_sums(out, w->outputs, rows, columns, acc);
            tile_fp32(row, panel, count, acc);
            store_sums(out, w->outputs, rows, columns, acc);
        }
#undef ROW
        if (isLast)
            for (size_t r = 0; r < rows; r++)
                end_segment(out + r * w->outputs, epilogue->bias + column, columns, epilogue->ending);
    }
}

INLINE void product_block(const struct row_block *block, enum product_format format,
                          const struct product_epilogue *epilogue) {
    _Alignas(ALIGNMENT) unsigned char buffer[PANEL * BLOCK_INPUTS * sizeof(float)];
    const struct packed_weights *w = block->weights;
    size_t first = 0;
    do { // once even without inputs: the epilogue of nothing
        size_t count = w->inputs - first < BLOCK_INPUTS ? w->inputs - first : BLOCK_INPUTS;
        for (size_t column = 0; column < w->outputs; column += PANEL)
            product_panel(block, format, column, first, count, epilogue, buffer);
        first += BLOCK_INPUTS;
    } while (first < w->inputs);
}

static void product(const struct packed_weights *w, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch) {
    size_t padded = rounded_up(w->inputs, 2);
    float *row_scales = scratch;
    int16_t *digits = (int16_t *)((unsigned char *)scratch + rounded_up(BLOCK_ROWS * sizeof(float), ALIGNMENT));
    for (size_t m = 0; m < rows; m += BLOCK_ROWS) {
        struct row_block block = {
            .weights = w,
            .x = x + m * w->inputs,
            .digits = digits,
            .row_scales = row_scales,
            .rows = rows - m < BLOCK_ROWS ? rows - m : BLOCK_ROWS,
            .out = out + m * w->outputs,
        };
        switch (w->format) {
        case PRODUCT_FP32: product_block(&block, PRODUCT_FP32, epilogue); break;
        case PRODUCT_BF16: product_block(&block, PRODUCT_BF16, epilogue); break;
        case PRODUCT_INT8: {
            float limit = int8_layer_of(w->data, w->inputs, w->outputs).limit;
            quantize_rows(block.x, block.rows, w->inputs, limit, digits, padded, row_scales);
            product_block(&block, PRODUCT_INT8, epilogue);
            break;
        }
        }
        if (epilogue->ending == PRODUCT_ADD_NORM)
            bias_residual_layer_norm(block.out, epilogue->bias, epilogue->residual + m * w->outputs, block.rows,
                                     w->outputs, epilogue->gamma, epilogue->beta, epilogue->epsilon, block.out);
    }
}
