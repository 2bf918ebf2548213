// The vector loops of the encoder and of training.
//
// Every kernel exists once in C (kernels_body.h), compiled for several instruction sets, and once more as naive code
// (reference.c) that the tests hold it against. `kernel_*` runs the best variant that this processor has; the choice is
// made once, before main. Matrices are row-major fp32; sizes are counts of elements. Pointers may be unaligned, and
// must not overlap unless a kernel says that it works in place. Nothing here allocates, keeps state or touches errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "products.h"

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

// ---- encoder ----

// out[t] = LayerNorm(words[ids[t]] + positions[position[t]] + segment) for `tokens` rows of `hidden`.
// `sum`, unless null, receives the sums before normalisation. Ids and positions must be valid rows.
void kernel_embed(const float *words, const float *positions, const float *segment, const int32_t *ids,
                  const int32_t *position, size_t tokens, size_t hidden, const float *gamma, const float *beta,
                  float epsilon, float *_Nullable sum, float *out);

// out = (x - mean) / sqrt(variance + epsilon) * gamma + beta over each row. x == out is allowed.
// gamma and beta may both be null: normalisation alone.
void kernel_layer_norm(const float *x, size_t rows, size_t columns, const float *_Nullable gamma,
                       const float *_Nullable beta, float epsilon, float *out);

// out = LayerNorm(dense + bias + residual). out may be dense or residual.
void kernel_bias_residual_layer_norm(const float *dense, const float *bias, const float *residual, size_t rows,
                                     size_t columns, const float *gamma, const float *beta, float epsilon,
                                     float *out);

// x += bias in every row, in place.
void kernel_add_bias(float *x, const float *bias, size_t rows, size_t columns);

// x = gelu(x + bias), in place, with gelu(v) = v * normal distribution function(v), the "erf" form.
// Absolute error below 1e-6 * max(1, |v|).
void kernel_bias_gelu(float *x, const float *bias, size_t rows, size_t columns);

// Softmax over the first `columns` of every row, in place; rows lie `stride` apart.
void kernel_softmax(float *x, size_t rows, size_t columns, size_t stride);

// out[r] = log(sum over c of exp(x[r][c])); -infinity for rows without columns.
void kernel_log_sum_exp(const float *x, size_t rows, size_t columns, float *out);

// ---- pooling, reductions ----

// sums[c] += x[r][c] over all rows, in fp64: a mean over millions of tokens stays exact to fp32.
void kernel_accumulate_rows(const float *x, size_t rows, size_t columns, double *sums);

// out[c] = sum over rows of x[r][c].
void kernel_column_sums(const float *x, size_t rows, size_t columns, float *out);

// out[r] = sum over columns of x[r][c].
void kernel_row_sums(const float *x, size_t rows, size_t columns, float *out);

float kernel_dot(const float *a, const float *b, size_t count);

// out[r] = dot(x, y + r * count, count), the same to the bit, several rows at a time.
void kernel_dots(const float *x, const float *y, size_t rows, size_t count, float *out);

// Sum of squares in fp64.
double kernel_sum_of_squares(const float *x, size_t count);

// y += factor * x, in place.
void kernel_scaled_add(float *y, const float *x, float factor, size_t count);

// x *= factor, in place.
void kernel_scale(float *x, float factor, size_t count);

// x = max(x, 0), in place; NaN stays NaN.
void kernel_rectify(float *x, size_t count);

// Its backward twin: gradient = 0 where `output`, what kernel_rectify left, is not above 0. In place.
void kernel_rectify_backward(float *gradient, const float *output, size_t count);

// x *= factors, element by element, in place: a dropout mask.
void kernel_multiply_elements(float *x, const float *factors, size_t count);

// ---- number formats ----

// IEEE binary16 and bfloat16 to fp32 (exact), and back (nearest even; too large becomes infinity; NaN stays NaN).
// The 16-bit side is `count` little-endian values at any address.
void kernel_half_to_float(const void *_Nullable halves, float *_Nullable out, size_t count);
void kernel_bfloat16_to_float(const void *_Nullable halves, float *_Nullable out, size_t count);
void kernel_float_to_half(const float *_Nullable x, void *_Nullable out, size_t count);
void kernel_float_to_bfloat16(const float *_Nullable x, void *_Nullable out, size_t count);

// ---- training ----

// The caller takes the differences in fp64: 1 - 0.9f is not 0.1f.
struct kernel_adamw {
    float learning_rate, epsilon;
    float beta1, beta2, rest1, rest2;         // rest = 1 - beta
    float keep;                               // 1 - learning rate * weight decay
    float bias_correction1, bias_correction2; // 1 - beta^t, t = 1 at the first step
    float gradient_factor;                    // on every gradient, before anything else: clipping
};

// One step of AdamW with decoupled decay, as torch.optim.AdamW: g *= factor; w *= keep; m, v; then
// w -= lr * (m / bc1) / (sqrt(v / bc2) + epsilon).
void kernel_adamw_step(float *weights, const float *gradient, float *first, float *second, size_t count,
                       const struct kernel_adamw *step);

// gradient[r] = scale * (softmax(logits[r]) - one-hot(targets[r])), zeros where the target is negative; losses[r] =
// log-sum-exp(logits[r]) - logits[r][target], 0 where the target is negative. Targets are below `columns`.
void kernel_softmax_cross_entropy(const float *logits, const int32_t *targets, size_t rows, size_t columns,
                                  float scale, float *gradient, float *losses);

// Philox4x32-10 (Salmon et al., 2011): out[i] = word (first + i) of the stream that `key` names, four words a block
// with the counter {block, c1, c2, c3}. A value depends on its address alone: no state, any order, any thread.
struct kernel_random {
    uint32_t key[2], c1, c2, c3;
};
void kernel_random_words(uint32_t *out, size_t count, uint64_t first, const struct kernel_random *stream);

// The same words as numbers in [0, 1): the upper 24 bits / 2^24.
void kernel_random_uniform(float *out, size_t count, uint64_t first, const struct kernel_random *stream);

// out[i] = 0 where the uniform number is below `rate`, 1 / (1 - rate) elsewhere. 0 <= rate < 1.
void kernel_dropout_mask(float *out, size_t count, uint64_t first, const struct kernel_random *stream, float rate);

// ---- what training hands back ----
//
// `dy` is the gradient of a loss with respect to what the forward kernel gave, the result the one with respect to what
// it was given.

// x += bias in every row, in place, and out = gelu(x): the forward step that keeps what kernel_gelu_backward needs.
void kernel_add_bias_gelu(float *x, const float *bias, size_t rows, size_t columns, float *out);

// dy *= gelu'(x), then x = gelu(x), both in place: the next product's gradient needs the value as well.
void kernel_gelu_backward(float *x, float *dy, size_t count);

// Of kernel_layer_norm for the rows `x` that went in: dx, which may be dy. gamma may be null (normalisation alone).
// dgamma and dbeta, both or neither null, are added to, row after row.
void kernel_layer_norm_backward(const float *x, const float *dy, size_t rows, size_t columns,
                                const float *_Nullable gamma, float epsilon, float *dx, float *_Nullable dgamma,
                                float *_Nullable dbeta);

// Of the softmax that gave `probabilities`: dy becomes p * (dy - sum(p * dy)) in every row, in place.
void kernel_softmax_backward(const float *probabilities, float *dy, size_t rows, size_t columns);

// Of y = x / |x| in every row: dx = (dy - y * (y . dy)) / |x|, zeros for a row of zeros. dx may be dy.
void kernel_normalize_backward(const float *x, const float *dy, size_t rows, size_t columns, float *dx);

// x *= the mask that kernel_dropout_mask gives for the same address, in place; forward and backward alike.
void kernel_dropout(float *x, size_t count, uint64_t first, const struct kernel_random *stream, float rate);

// out[c] += sum over rows of x[r * stride + c], row after row: the gradient of a bias.
void kernel_add_column_sums(const float *x, size_t rows, size_t columns, size_t stride, float *out);

// table[places[r] * stride + c] += x[r * stride + c], row after row: the gradient of a table that rows were looked up
// in. Threads may share the work by columns.
void kernel_scatter_add_rows(const float *x, const int32_t *places, size_t rows, size_t columns, size_t stride,
                             float *table);

// out[c][r] = x[r * stride + c], out dense: what a product over rows reads.
void kernel_transpose(const float *x, size_t rows, size_t columns, size_t stride, float *out);

// ---- variants ----

// One implementation of everything above.
struct kernel_table {
    const char *name;
    enum product_activations activations;
    typeof(&kernel_embed) embed;
    typeof(&kernel_layer_norm) layer_norm;
    typeof(&kernel_bias_residual_layer_norm) bias_residual_layer_norm;
    typeof(&kernel_add_bias) add_bias;
    typeof(&kernel_bias_gelu) bias_gelu;
    typeof(&kernel_softmax) softmax;
    typeof(&kernel_log_sum_exp) log_sum_exp;
    typeof(&kernel_accumulate_rows) accumulate_rows;
    typeof(&kernel_column_sums) column_sums;
    typeof(&kernel_row_sums) row_sums;
    typeof(&kernel_dot) dot;
    typeof(&kernel_dots) dots;
    typeof(&kernel_sum_of_squares) sum_of_squares;
    typeof(&kernel_scaled_add) scaled_add;
    typeof(&kernel_scale) scale;
    typeof(&kernel_rectify) rectify;
    typeof(&kernel_rectify_backward) rectify_backward;
    typeof(&kernel_multiply_elements) multiply_elements;
    typeof(&kernel_half_to_float) half_to_float;
    typeof(&kernel_bfloat16_to_float) bfloat16_to_float;
    typeof(&kernel_float_to_half) float_to_half;
    typeof(&kernel_float_to_bfloat16) float_to_bfloat16;
    typeof(&kernel_adamw_step) adamw_step;
    typeof(&kernel_softmax_cross_entropy) softmax_cross_entropy;
    typeof(&kernel_random_words) random_words;
    typeof(&kernel_random_uniform) random_uniform;
    typeof(&kernel_dropout_mask) dropout_mask;
    typeof(&kernel_add_bias_gelu) add_bias_gelu;
    typeof(&kernel_gelu_backward) gelu_backward;
    typeof(&kernel_layer_norm_backward) layer_norm_backward;
    typeof(&kernel_softmax_backward) softmax_backward;
    typeof(&kernel_normalize_backward) normalize_backward;
    typeof(&kernel_dropout) dropout;
    typeof(&kernel_add_column_sums) add_column_sums;
    typeof(&kernel_scatter_add_rows) scatter_add_rows;
    typeof(&kernel_transpose) transpose;
    typeof(&kernel_packed_size) packed_size;
    typeof(&kernel_pack) pack;
    typeof(&kernel_product_scratch) product_scratch;
    typeof(&kernel_product) product;
    typeof(&kernel_attention_scratch) attention_scratch;
    typeof(&kernel_attention) attention;
    typeof(&kernel_peak) peak;
};

// The variants that this processor can run, best first; null from `index` on that there is none.
const struct kernel_table *_Nullable kernel_variant(size_t index);

// The naive twins. The products of a variant are to be held against those of the twin with the same activations; all else
// is the same in both.
extern const struct kernel_table kernel_table_reference, kernel_table_reference_narrow;

#ifdef __clang__
#pragma clang assume_nonnull end
#endif
