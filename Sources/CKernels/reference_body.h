// The naive twins: one obvious loop each, sums in fp64, libm for every function. Slow on purpose; the tests hold the
// fast kernels against these. NARROW says which activations the products take (enum product_activations).
#include "kernels.h"
#include <math.h>
#include <string.h>

static void layer_norm(const float *x, size_t rows, size_t columns, const float *gamma, const float *beta,
                       float epsilon, float *out) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        double mean = 0, variance = 0;
        for (size_t c = 0; c < columns; c++) mean += row[c] / (double)columns;
        for (size_t c = 0; c < columns; c++) variance += (row[c] - mean) * (row[c] - mean) / (double)columns;
        for (size_t c = 0; c < columns; c++) {
            double y = (row[c] - mean) / sqrt(variance + epsilon);
            out[r * columns + c] = (float)(gamma ? y * gamma[c] + beta[c] : y);
        }
    }
}

static void embed(const float *words, const float *positions, const float *segment, const int32_t *ids,
                  const int32_t *position, size_t tokens, size_t hidden, const float *gamma, const float *beta,
                  float epsilon, float *sum, float *out) {
    for (size_t t = 0; t < tokens; t++)
        for (size_t c = 0; c < hidden; c++)
            out[t * hidden + c] =
                words[(size_t)ids[t] * hidden + c] + segment[c] + positions[(size_t)position[t] * hidden + c];
    if (sum) memcpy(sum, out, tokens * hidden * sizeof(float));
    layer_norm(out, tokens, hidden, gamma, beta, epsilon, out);
}

static void bias_residual_layer_norm(const float *dense, const float *bias, const float *residual, size_t rows,
                                     size_t columns, const float *gamma, const float *beta, float epsilon,
                                     float *out) {
    for (size_t i = 0; i < rows * columns; i++) out[i] = dense[i] + bias[i % columns] + residual[i];
    layer_norm(out, rows, columns, gamma, beta, epsilon, out);
}

static void add_bias(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows * columns; i++) x[i] += bias[i % columns];
}

static void bias_gelu(float *x, const float *bias, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows * columns; i++) {
        double v = x[i] + bias[i % columns];
        x[i] = (float)(v * 0.5 * erfc(-v * M_SQRT1_2));
    }
}

static double largest(const float *row, size_t columns) {
    double most = -INFINITY;
    for (size_t c = 0; c < columns; c++) most = row[c] > most ? row[c] : most;
    return most;
}

static double shifted_sum(const float *row, size_t columns, double most) {
    double sum = 0;
    for (size_t c = 0; c < columns; c++) sum += exp(row[c] - most);
    return sum;
}

static void softmax(float *x, size_t rows, size_t columns, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * stride;
        double most = largest(row, columns), sum = shifted_sum(row, columns, most);
        for (size_t c = 0; c < columns; c++) row[c] = (float)(exp(row[c] - most) / sum);
    }
}

static void log_sum_exp(const float *x, size_t rows, size_t columns, float *out) {
    for (size_t r = 0; r < rows; r++) {
        double most = largest(x + r * columns, columns);
        out[r] = (float)(isinf(most) ? most : most + log(shifted_sum(x + r * columns, columns, most)));
    }
}

static void accumulate_rows(const float *x, size_t rows, size_t columns, double *sums) {
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) sums[c] += x[r * columns + c];
}

static void column_sums(const float *x, size_t rows, size_t columns, float *out) {
    for (size_t c = 0; c < columns; c++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++) sum += x[r * columns + c];
        out[c] = (float)sum;
    }
}

static void row_sums(const float *x, size_t rows, size_t columns, float *out) {
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t c = 0; c < columns; c++) sum += x[r * columns + c];
        out[r] = (float)sum;
    }
}

static float dot(const float *a, const float *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
    return (float)sum;
}

static void dots(const float *x, const float *y, size_t rows, size_t count, float *out) {
    for (size_t r = 0; r < rows; r++) out[r] = dot(x, y + r * count, count);
}

static double sum_of_squares(const float *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * x[i];
    return sum;
}

static void scaled_add(float *y, const float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = (float)(y[i] + (double)factor * x[i]);
}

static void scale(float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = x[i] * factor;
}

static void rectify(float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (x[i] < 0) x[i] = 0;
}

static void rectify_backward(float *gradient, const float *output, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(output[i] > 0)) gradient[i] = 0;
}

static void multiply_elements(float *x, const float *factors, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = (float)((double)x[i] * factors[i]);
}

// ---- number formats, by their definition: sign, exponent, fraction ----

static void half_to_float(const void *halves, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, (const char *)halves + 2 * i, 2);
        int exponent = (h >> 10) & 31, fraction = h & 1023;
        double value = exponent == 31   ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
        out[i] = (float)copysign(value, h & 0x8000 ? -1.0 : 1.0);
    }
}

static void bfloat16_to_float(const void *halves, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, (const char *)halves + 2 * i, 2);
        int exponent = (h >> 7) & 255, fraction = h & 127;
        double value = exponent == 255  ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(fraction, -133)
                                       : ldexp(128 + fraction, exponent - 134);
        out[i] = (float)copysign(value, h & 0x8000 ? -1.0 : 1.0);
    }
}

// The nearest of all 65,536 candidates' neighbourhood: scale to the last place, round to even there, scale back.
static uint16_t rounded(float x, int fraction_bits, int exponent_bits) {
    int bias = (1 << (exponent_bits - 1)) - 1, least = 1 - bias, top = (1 << exponent_bits) - 1;
    uint16_t sign = (uint16_t)(signbit(x) ? 0x8000 : 0);
    if (isnan(x)) return (uint16_t)(sign | top << fraction_bits | 1 << (fraction_bits - 1));
    double value = fabs((double)x);
    int exponent = value > 0 && isfinite(value) ? ilogb(value) : least;
    if (exponent < least) exponent = least;
    double places = isinf(value) ? INFINITY : nearbyint(ldexp(value, fraction_bits - exponent));
    double limit = ldexp(1, fraction_bits + 1);
    if (places >= limit) {
        places /= 2;
        exponent++;
    }
    if (isinf(value) || exponent > bias) return (uint16_t)(sign | top << fraction_bits);
    int whole = (int)places, subnormal = whole < 1 << fraction_bits;
    int stored = subnormal ? 0 : exponent + bias;
    return (uint16_t)(sign | stored << fraction_bits | (whole & ((1 << fraction_bits) - 1)));
}

static void float_to_half(const float *x, void *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t h = rounded(x[i], 10, 5);
        memcpy((char *)out + 2 * i, &h, 2);
    }
}

static void float_to_bfloat16(const float *x, void *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t h = rounded(x[i], 7, 8);
        memcpy((char *)out + 2 * i, &h, 2);
    }
}

// ---- training ----

static void adamw_step(float *weights, const float *gradient, float *first, float *second, size_t count,
                       const struct kernel_adamw *s) {
    for (size_t i = 0; i < count; i++) {
        double w = (double)weights[i] * s->keep;
        double g = (double)gradient[i] * s->gradient_factor;
        double m = (double)s->beta1 * first[i] + (double)s->rest1 * g;
        double v = (double)s->beta2 * second[i] + (double)s->rest2 * g * g;
        first[i] = (float)m;
        second[i] = (float)v;
        weights[i] = (float)(w - s->learning_rate * (m / s->bias_correction1) /
                                     (sqrt(v / s->bias_correction2) + s->epsilon));
    }
}

static void softmax_cross_entropy(const float *logits, const int32_t *targets, size_t rows, size_t columns,
                                  float factor, float *gradient, float *losses) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = logits + r * columns;
        double most = largest(row, columns), sum = shifted_sum(row, columns, most);
        int labelled = targets[r] >= 0;
        losses[r] = (float)(labelled ? log(sum) + most - row[targets[r]] : 0);
        for (size_t c = 0; c < columns; c++) {
            double probability = exp(row[c] - most) / sum, target = (int32_t)c == targets[r];
            gradient[r * columns + c] = (float)(labelled ? factor * (probability - target) : 0);
        }
    }
}

// One word at a time, straight from the definition in the paper.
static uint32_t random_word(uint64_t element, const struct kernel_random *stream) {
    uint32_t counter[4] = {(uint32_t)(element / 4), stream->c1, stream->c2, stream->c3};
    uint32_t key[2] = {stream->key[0], stream->key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t left = 0xD2511F53ull * counter[0], right = 0xCD9E8D57ull * counter[2];
        uint32_t next[4] = {(uint32_t)(right >> 32) ^ counter[1] ^ key[0], (uint32_t)right,
                            (uint32_t)(left >> 32) ^ counter[3] ^ key[1], (uint32_t)left};
        memcpy(counter, next, sizeof next);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter[element % 4];
}

static void random_words(uint32_t *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    for (size_t i = 0; i < count; i++) out[i] = random_word(first + i, stream);
}

static void random_uniform(float *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    for (size_t i = 0; i < count; i++) out[i] = (float)(random_word(first + i, stream) / 256) / 16777216.0f;
}

static void dropout_mask(float *out, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(random_word(first + i, stream) / 256) / 16777216.0f < rate ? 0 : 1 / (1 - rate);
}

#include "reference_backward.h"
#include "reference_products.h"

#include "kernel_table.h"
