// The kernels, once for every instruction set: a variant's file defines KERNEL_TABLE and its target, then includes
// this. What each one computes is said in kernels.h.
#include "kernels.h"
#include "lanes.h"
#include <math.h>

// ---- encoder ----

// Sums of four vectors at a time: one chain of additions would wait for each result.
INLINE float row_sum(const float *row, size_t columns) {
    size_t c = 0, whole = columns - columns % LANES, rest = columns % LANES;
    floats a = splat(0), b = splat(0), d = splat(0), e = splat(0);
    for (; c + 4 * LANES <= whole; c += 4 * LANES) {
        a += load(row + c);
        b += load(row + c + LANES);
        d += load(row + c + 2 * LANES);
        e += load(row + c + 3 * LANES);
    }
    for (; c < whole; c += LANES) a += load(row + c);
    if (rest) a += load_tail(row + whole, rest, 0);
    return sum_lanes((a + b) + (d + e));
}

// Sum of (x - mean)^2.
INLINE float row_squares(const float *row, size_t columns, float mean) {
    size_t c = 0, whole = columns - columns % LANES, rest = columns % LANES;
    floats a = splat(0), b = splat(0);
    for (; c + 2 * LANES <= whole; c += 2 * LANES) {
        floats d = load(row + c) - mean, e = load(row + c + LANES) - mean;
        a += d * d;
        b += e * e;
    }
    for (; c < whole; c += LANES) {
        floats d = load(row + c) - mean;
        a += d * d;
    }
    if (rest) {
        floats d = load_tail(row + whole, rest, mean) - mean;
        b += d * d;
    }
    return sum_lanes(a + b);
}

// Normalises one row, in three passes over it while it lies in L1. row == out is allowed.
INLINE void normalize_row(const float *row, size_t columns, const float *gamma, const float *beta, float epsilon,
                          float *out) {
    size_t whole = columns - columns % LANES;
    float mean = row_sum(row, columns) / (float)columns;
    float scale = 1.0f / sqrtf(row_squares(row, columns, mean) / (float)columns + epsilon);
    for (size_t c = 0; c < whole; c += LANES) {
        floats y = (load(row + c) - mean) * scale;
        store(out + c, gamma ? y * load(gamma + c) + load(beta + c) : y);
    }
    for (size_t c = whole; c < columns; c++) {
        float y = (row[c] - mean) * scale;
        out[c] = gamma ? y * gamma[c] + beta[c] : y;
    }
}

static void layer_norm(const float *x, size_t rows, size_t columns, const float *gamma, const float *beta,
                       float epsilon, float *out) {
    for (size_t r = 0; r < rows; r++)
        normalize_row(x + r * columns, columns, gamma, beta, epsilon, out + r * columns);
}

static void embed(const float *words, const float *positions, const float *segment, const int32_t *ids,
                  const int32_t *position, size_t tokens, size_t hidden, const float *gamma, const float *beta,
                  float epsilon, float *sum, float *out) {
    for (size_t t = 0; t < tokens; t++) {
        const float *word = words + (size_t)ids[t] * hidden;
        const float *place = positions + (size_t)position[t] * hidden;
        float *row = out + t * hidden;
        for (size_t c = 0; c < hidden; c++) row[c] = word[c] + segment[c] + place[c];
        if (sum) memcpy(sum + t * hidden, row, hidden * sizeof(float));
        normalize_row(row, hidden, gamma, beta, epsilon, row);
    }
}

static void bias_residual_layer_norm(const float *dense, const float *bias, const float *residual, size_t rows,
                                     size_t columns, const float *gamma, const float *beta, float epsilon,
                                     float *out) {
    for (size_t r = 0; r < rows; r++) {
        const float *a = dense + r * columns, *b = residual + r * columns;
        float *row = out + r * columns;
        for (size_t c = 0; c < columns; c++) row[c] = a[c] + bias[c] + b[c];
        normalize_row(row, columns, gamma, beta, epsilon, row);
    }
}

static void add_bias(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) x[r * columns + c] += bias[c];
}

static void bias_gelu(float *x, const float *bias, size_t rows, size_t columns) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * columns;
        for (size_t c = 0; c < whole; c += LANES) store(row + c, gelu_lanes(load(row + c) + load(bias + c)));
        if (rest) {
            floats v = load_tail(row + whole, rest, 0) + load_tail(bias + whole, rest, 0);
            store_tail(row + whole, gelu_lanes(v), rest);
        }
    }
}

INLINE float row_max(const float *row, size_t columns) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    floats most = splat(-INFINITY);
    for (size_t c = 0; c < whole; c += LANES) most = larger(load(row + c), most);
    if (rest) most = larger(load_tail(row + whole, rest, -INFINITY), most);
    return max_lanes(most);
}

// out[c] = exp(row[c] - shift), and their sum. row == out is allowed.
INLINE float row_exp(const float *row, size_t columns, float shift, float *out) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    floats sums = splat(0);
    for (size_t c = 0; c < whole; c += LANES) {
        floats e = exp_lanes(load(row + c) - shift);
        sums += e;
        store(out + c, e);
    }
    if (rest) {
        floats e = exp_lanes(load_tail(row + whole, rest, shift) - shift);
        store_tail(out + whole, e, rest);
        sums += load_tail(out + whole, rest, 0);
    }
    return sum_lanes(sums);
}

static void scale(float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

static void softmax(float *x, size_t rows, size_t columns, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * stride;
        float sum = row_exp(row, columns, row_max(row, columns), row);
        scale(row, 1.0f / sum, columns);
    }
}

static void log_sum_exp(const float *x, size_t rows, size_t columns, float *out) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        float most = row_max(row, columns);
        if (!(fabsf(most) < INFINITY)) { // no columns, an infinity or NaN: nothing to shift by
            out[r] = most;
            continue;
        }
        floats sums = splat(0);
        for (size_t c = 0; c < whole; c += LANES) sums += exp_lanes(load(row + c) - most);
        float sum = sum_lanes(sums);
        if (rest) {
            float lanes[LANES];
            store(lanes, exp_lanes(load_tail(row + whole, rest, most) - most));
            for (size_t c = 0; c < rest; c++) sum += lanes[c];
        }
        out[r] = most + logf(sum);
    }
}

// ---- pooling, reductions ----

static void accumulate_rows(const float *x, size_t rows, size_t columns, double *sums) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) sums[c] += x[r * columns + c];
}

static void column_sums(const float *x, size_t rows, size_t columns, float *out) {
    memset(out, 0, columns * sizeof(float));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) out[c] += x[r * columns + c];
}

static void row_sums(const float *x, size_t rows, size_t columns, float *out) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        floats sums = splat(0);
        for (size_t c = 0; c < whole; c += LANES) sums += load(row + c);
        if (rest) sums += load_tail(row + whole, rest, 0);
        out[r] = sum_lanes(sums);
    }
}

static float dot(const float *a, const float *b, size_t count) {
    size_t whole = count - count % LANES, rest = count % LANES;
    floats sums = splat(0);
    for (size_t i = 0; i < whole; i += LANES) sums += load(a + i) * load(b + i);
    if (rest) sums += load_tail(a + whole, rest, 0) * load_tail(b + whole, rest, 0);
    return sum_lanes(sums);
}

// A dot product by itself waits for its own sums; four side by side keep the multipliers busy. Each row's sums are taken as
// `dot` takes them.
static void dots(const float *x, const float *y, size_t rows, size_t count, float *out) {
    enum { TOGETHER = 4 };
    size_t whole = count - count % LANES, rest = count % LANES, r = 0;
    for (; r + TOGETHER <= rows; r += TOGETHER) {
        const float *row = y + r * count;
        floats sums[TOGETHER];
        UNROLL for (size_t k = 0; k < TOGETHER; k++) sums[k] = splat(0);
        for (size_t i = 0; i < whole; i += LANES) {
            floats part = load(x + i);
            UNROLL for (size_t k = 0; k < TOGETHER; k++) sums[k] += part * load(row + k * count + i);
        }
        if (rest) {
            floats part = load_tail(x + whole, rest, 0);
            UNROLL for (size_t k = 0; k < TOGETHER; k++) sums[k] += part * load_tail(row + k * count + whole, rest, 0);
        }
        store4(out + r, sum_lanes4(sums));
    }
    for (; r < rows; r++) out[r] = dot(x, y + r * count, count);
}

static double sum_of_squares(const float *x, size_t count) {
    double lanes[LANES] = {0};
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane] += (double)x[i + lane] * x[i + lane];
    for (size_t i = whole; i < count; i++) lanes[i - whole] += (double)x[i] * x[i];
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) sum += lanes[lane];
    return sum;
}

static void scaled_add(float *y, const float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] += factor * x[i];
}

static void rectify(float *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] < 0 ? 0 : x[i];
}

static void rectify_backward(float *gradient, const float *output, size_t count) {
    for (size_t i = 0; i < count; i++) gradient[i] = output[i] > 0 ? gradient[i] : 0;
}

static void multiply_elements(float *x, const float *factors, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factors[i];
}

// ---- number formats ----

INLINE uint32_t float_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
INLINE float bits_float(uint32_t x) { return __builtin_bit_cast(float, x); }

// Branch-free, so that it vectorises without F16C: shifting the bits gives the value times 2^-112, subnormals included;
// a multiplication by 2^112 rights it, and infinity and NaN get the exponent they lost.
static void half_to_float(const void *halves, float *out, size_t count) {
    const unsigned char *bytes = halves;
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, 2);
        uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = (uint32_t)(h & 0x7FFF) << 13;
        uint32_t finite = float_bits(bits_float(magnitude) * 0x1p112f);
        uint32_t special = magnitude | 0x7F800000;
        out[i] = bits_float(sign | (magnitude >= 0x0F800000 ? special : finite));
    }
}

static void bfloat16_to_float(const void *halves, float *out, size_t count) {
    const unsigned char *bytes = halves;
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, 2);
        out[i] = bits_float((uint32_t)h << 16);
    }
}

static void float_to_half(const float *x, void *out, size_t count) {
    unsigned char *bytes = out;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = float_bits(x[i]), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
        // Below 2^-14 a half is subnormal: adding 0.5 lets the FPU round at the right bit.
        uint32_t small = float_bits(bits_float(magnitude) + 0.5f) - float_bits(0.5f);
        uint32_t normal = (magnitude - 0x38000000 + 0xFFF + ((magnitude >> 13) & 1)) >> 13;
        uint32_t h = magnitude < 0x38800000 ? small : normal;
        h = magnitude >= 0x47800000 ? 0x7C00 : h;
        h = magnitude > 0x7F800000 ? 0x7E00 : h;
        uint16_t half = (uint16_t)(sign | h);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

static void float_to_bfloat16(const float *x, void *out, size_t count) {
    unsigned char *bytes = out;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = float_bits(x[i]);
        uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        uint16_t half = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? (bits >> 16) | 0x40 : rounded);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

// ---- training ----

static void adamw_step(float *weights, const float *gradient, float *first, float *second, size_t count,
                       const struct kernel_adamw *step) {
    const struct kernel_adamw s = *step;
    for (size_t i = 0; i < count; i++) {
        float g = gradient[i] * s.gradient_factor;
        float m = s.beta1 * first[i] + s.rest1 * g;
        float v = s.beta2 * second[i] + s.rest2 * g * g;
        first[i] = m;
        second[i] = v;
        float direction = (m / s.bias_correction1) / (__builtin_sqrtf(v / s.bias_correction2) + s.epsilon);
        weights[i] = weights[i] * s.keep - s.learning_rate * direction;
    }
}

static void softmax_cross_entropy(const float *logits, const int32_t *targets, size_t rows, size_t columns,
                                  float factor, float *gradient, float *losses) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = logits + r * columns;
        float *g = gradient + r * columns;
        if (targets[r] < 0) {
            memset(g, 0, columns * sizeof(float));
            losses[r] = 0;
            continue;
        }
        float most = row_max(row, columns);
        float sum = row_exp(row, columns, most, g);
        losses[r] = logf(sum) + (most - row[targets[r]]);
        scale(g, factor / sum, columns);
        g[targets[r]] -= factor;
    }
}

struct random_block {
    uint32_t words[4];
};

INLINE struct random_block philox(uint32_t block, const struct kernel_random *stream) {
    uint32_t c0 = block, c1 = stream->c1, c2 = stream->c2, c3 = stream->c3;
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (struct random_block){{c0, c1, c2, c3}};
}

// Eight blocks at once, each number in the low half of 64 bits: one multiplication gives both halves of a product.
typedef uint64_t longs __attribute__((ext_vector_type(8)));

INLINE void philox_eight(uint32_t block, const struct kernel_random *stream, uint32_t *out) {
    const longs low = (longs)(0xFFFFFFFFu);
    longs c0 = (longs){0, 1, 2, 3, 4, 5, 6, 7} + block;
    longs c1 = (longs)(stream->c1), c2 = (longs)(stream->c2), c3 = (longs)(stream->c3);
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int round = 0; round < 10; round++) {
        longs p0 = (c0 & low) * 0xD2511F53u, p1 = (c2 & low) * 0xCD9E8D57u;
        c0 = (p1 >> 32) ^ c1 ^ (longs)(k0);
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ (longs)(k1);
        c3 = p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    longs front = (c0 & low) | c1 << 32, back = (c2 & low) | c3 << 32;
    uint64_t pairs[16];
    for (int i = 0; i < 8; i++) {
        pairs[2 * i] = front[i];
        pairs[2 * i + 1] = back[i];
    }
    memcpy(out, pairs, sizeof pairs);
}

static void random_words(uint32_t *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    size_t i = 0;
    while (i < count && (first + i) % 4 != 0) {
        out[i] = philox((uint32_t)((first + i) / 4), stream).words[(first + i) % 4];
        i++;
    }
    for (; i + 32 <= count; i += 32) philox_eight((uint32_t)((first + i) / 4), stream, out + i);
    for (; i + 4 <= count; i += 4) {
        struct random_block block = philox((uint32_t)((first + i) / 4), stream);
        memcpy(out + i, block.words, sizeof block.words);
    }
    for (; i < count; i++) out[i] = philox((uint32_t)((first + i) / 4), stream).words[(first + i) % 4];
}

static void random_uniform(float *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    uint32_t words[256];
    for (size_t start = 0; start < count; start += 256) {
        size_t n = count - start < 256 ? count - start : 256;
        random_words(words, n, first + start, stream);
        for (size_t i = 0; i < n; i++) out[start + i] = (float)(words[i] >> 8) * 0x1p-24f;
    }
}

static void dropout_mask(float *out, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    float kept = 1.0f / (1.0f - rate);
    random_uniform(out, count, first, stream);
    for (size_t i = 0; i < count; i++) out[i] = out[i] < rate ? 0.0f : kept;
}

#include "backward_body.h"
#include "products_body.h"
#include "attention_body.h"
#include "peak_body.h"
#include "kernel_table.h"
