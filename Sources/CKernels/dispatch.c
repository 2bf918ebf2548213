// Chooses a variant before main, and calls it. Written once before any thread exists, the pointer needs no lock and no
// atomic, and no ifunc that sanitizers and static linking would stumble over.
#include "kernels.h"

extern const struct kernel_table kernel_table_baseline;
static const struct kernel_table *variants[4];
static const struct kernel_table *active = &kernel_table_baseline;

__attribute__((constructor)) static void choose_kernels(void) {
    size_t count = 0;
#if defined(__x86_64__)
    extern const struct kernel_table kernel_table_avx2, kernel_table_avx512, kernel_table_avx512vnni;
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16"))
        variants[count++] = &kernel_table_avx512vnni;
    if (avx512) variants[count++] = &kernel_table_avx512;
    if (avx2) variants[count++] = &kernel_table_avx2;
#endif
    variants[count] = &kernel_table_baseline;
    active = variants[0];
}

const struct kernel_table *kernel_variant(size_t index) {
    return index < sizeof variants / sizeof *variants ? variants[index] : NULL;
}

void kernel_embed(const float *words, const float *positions, const float *segment, const int32_t *ids,
                  const int32_t *position, size_t tokens, size_t hidden, const float *gamma, const float *beta,
                  float epsilon, float *sum, float *out) {
    active->embed(words, positions, segment, ids, position, tokens, hidden, gamma, beta, epsilon, sum, out);
}
void kernel_layer_norm(const float *x, size_t rows, size_t columns, const float *gamma, const float *beta,
                       float epsilon, float *out) {
    active->layer_norm(x, rows, columns, gamma, beta, epsilon, out);
}
void kernel_bias_residual_layer_norm(const float *dense, const float *bias, const float *residual, size_t rows,
                                     size_t columns, const float *gamma, const float *beta, float epsilon,
                                     float *out) {
    active->bias_residual_layer_norm(dense, bias, residual, rows, columns, gamma, beta, epsilon, out);
}
void kernel_add_bias(float *x, const float *bias, size_t rows, size_t columns) {
    active->add_bias(x, bias, rows, columns);
}
void kernel_bias_gelu(float *x, const float *bias, size_t rows, size_t columns) {
    active->bias_gelu(x, bias, rows, columns);
}
void kernel_softmax(float *x, size_t rows, size_t columns, size_t stride) {
    active->softmax(x, rows, columns, stride);
}
void kernel_log_sum_exp(const float *x, size_t rows, size_t columns, float *out) {
    active->log_sum_exp(x, rows, columns, out);
}
void kernel_accumulate_rows(const float *x, size_t rows, size_t columns, double *sums) {
    active->accumulate_rows(x, rows, columns, sums);
}
void kernel_column_sums(const float *x, size_t rows, size_t columns, float *out) {
    active->column_sums(x, rows, columns, out);
}
void kernel_row_sums(const float *x, size_t rows, size_t columns, float *out) {
    active->row_sums(x, rows, columns, out);
}
float kernel_dot(const float *a, const float *b, size_t count) { return active->dot(a, b, count); }
void kernel_dots(const float *x, const float *y, size_t rows, size_t count, float *out) {
    active->dots(x, y, rows, count, out);
}
double kernel_sum_of_squares(const float *x, size_t count) { return active->sum_of_squares(x, count); }
void kernel_scaled_add(float *y, const float *x, float factor, size_t count) {
    active->scaled_add(y, x, factor, count);
}
void kernel_scale(float *x, float factor, size_t count) { active->scale(x, factor, count); }
void kernel_rectify(float *x, size_t count) { active->rectify(x, count); }
void kernel_rectify_backward(float *gradient, const float *output, size_t count) {
    active->rectify_backward(gradient, output, count);
}
void kernel_multiply_elements(float *x, const float *factors, size_t count) {
    active->multiply_elements(x, factors, count);
}
void kernel_half_to_float(const void *halves, float *out, size_t count) { active->half_to_float(halves, out, count); }
void kernel_bfloat16_to_float(const void *halves, float *out, size_t count) {
    active->bfloat16_to_float(halves, out, count);
}
void kernel_float_to_half(const float *x, void *out, size_t count) { active->float_to_half(x, out, count); }
void kernel_float_to_bfloat16(const float *x, void *out, size_t count) { active->float_to_bfloat16(x, out, count); }
void kernel_adamw_step(float *weights, const float *gradient, float *first, float *second, size_t count,
                       const struct kernel_adamw *step) {
    active->adamw_step(weights, gradient, first, second, count, step);
}
void kernel_softmax_cross_entropy(const float *logits, const int32_t *targets, size_t rows, size_t columns,
                                  float scale, float *gradient, float *losses) {
    active->softmax_cross_entropy(logits, targets, rows, columns, scale, gradient, losses);
}
void kernel_random_words(uint32_t *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    active->random_words(out, count, first, stream);
}
void kernel_random_uniform(float *out, size_t count, uint64_t first, const struct kernel_random *stream) {
    active->random_uniform(out, count, first, stream);
}
void kernel_dropout_mask(float *out, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    active->dropout_mask(out, count, first, stream, rate);
}
void kernel_add_bias_gelu(float *x, const float *bias, size_t rows, size_t columns, float *out) {
    active->add_bias_gelu(x, bias, rows, columns, out);
}
void kernel_gelu_backward(float *x, float *dy, size_t count) { active->gelu_backward(x, dy, count); }
void kernel_layer_norm_backward(const float *x, const float *dy, size_t rows, size_t columns, const float *gamma,
                                float epsilon, float *dx, float *dgamma, float *dbeta) {
    active->layer_norm_backward(x, dy, rows, columns, gamma, epsilon, dx, dgamma, dbeta);
}
void kernel_softmax_backward(const float *probabilities, float *dy, size_t rows, size_t columns) {
    active->softmax_backward(probabilities, dy, rows, columns);
}
void kernel_normalize_backward(const float *x, const float *dy, size_t rows, size_t columns, float *dx) {
    active->normalize_backward(x, dy, rows, columns, dx);
}
void kernel_dropout(float *x, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    active->dropout(x, count, first, stream, rate);
}
void kernel_add_column_sums(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    active->add_column_sums(x, rows, columns, stride, out);
}
void kernel_scatter_add_rows(const float *x, const int32_t *places, size_t rows, size_t columns, size_t stride,
                             float *table) {
    active->scatter_add_rows(x, places, rows, columns, stride, table);
}
void kernel_transpose(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    active->transpose(x, rows, columns, stride, out);
}
size_t kernel_packed_size(enum product_format format, size_t inputs, size_t outputs) {
    return active->packed_size(format, inputs, outputs);
}
void kernel_pack(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data) {
    active->pack(format, weights, inputs, outputs, data);
}
size_t kernel_product_scratch(size_t inputs) { return active->product_scratch(inputs); }
void kernel_product(const struct packed_weights *weights, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch) {
    active->product(weights, x, rows, epilogue, out, scratch);
}
size_t kernel_attention_scratch(size_t longest, size_t width) { return active->attention_scratch(longest, width); }
void kernel_attention(const float *qkv, const size_t *starts, size_t texts, size_t heads, size_t width, float *context,
                      void *scratch) {
    active->attention(qkv, starts, texts, heads, width, context, scratch);
}
double kernel_peak(enum product_format format, size_t rounds) { return active->peak(format, rounds); }
