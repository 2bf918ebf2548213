// The products of the encoder: linear layers over weights that were packed once, and attention over ragged texts.
//
// Part of kernels.h, which says what holds for all kernels. Two things hold here besides. No row of a result depends on
// the other rows: every element is one sum, taken in one order over the inputs, whatever the number of rows, so a text has
// the same bits in every batch. And nothing is padded: texts lie end to end.
#pragma once

#include <stddef.h>

#ifdef __clang__
#pragma clang assume_nonnull begin
#endif

// The format of a product's weights. How activations are treated depends on the variant:
//
//     format         weights                     wide activations         narrow activations
//     PRODUCT_FP32   binary32                    binary32                 binary32
//     PRODUCT_BF16   bfloat16                    binary32                 bfloat16
//     PRODUCT_INT8   int8, a scale an output     int16, a scale a row     uint8, a scale and a zero point a row
//
// Sums are binary32, in PRODUCT_INT8 int32 and exact. Activations are narrow where the processor multiplies bfloat16 and
// bytes (AVX-512 with BF16 and VNNI). Elsewhere products of bytes are no faster: the instruction that multiplies bytes
// saturates, and one that multiplies 16-bit pairs costs the same. The range of an activation's integers is narrowed so
// far that no sum of the layer can leave int32; uint8 keeps all 256 values up to 66 thousand inputs.
//
// The instruction that multiplies bfloat16 takes subnormal numbers (below 2^-126) as zeros and rounds each pair's two
// additions in its own way. So a sum of n products differs from the exact one by less than n / 2^23 times the sum of
// their magnitudes, as in PRODUCT_FP32, and by n / 2^126 besides.
enum product_format { PRODUCT_FP32, PRODUCT_BF16, PRODUCT_INT8 };

enum product_activations { ACTIVATIONS_WIDE, ACTIVATIONS_NARROW };

// A linear layer's weights in the layout of one variant.
struct packed_weights {
    const void *data; // kernel_packed_size bytes, 64-byte aligned
    size_t inputs, outputs;
    enum product_format format;
};

size_t kernel_packed_size(enum product_format format, size_t inputs, size_t outputs);

// Packs `weights`, [outputs][inputs] as PyTorch stores them, into `data`, 64-byte aligned. Weights must be finite.
void kernel_pack(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data);

// What becomes of a product p = x W' before it is stored.
enum product_ending {
    PRODUCT_BIAS,     // p + bias
    PRODUCT_GELU,     // gelu(p + bias), as kernel_bias_gelu
    PRODUCT_ADD_NORM, // LayerNorm(p + bias + residual), as kernel_bias_residual_layer_norm
};

struct product_epilogue {
    enum product_ending ending;
    const float *bias; // [outputs]
    // For PRODUCT_ADD_NORM: [rows][outputs], [outputs], [outputs].
    const float *_Nullable residual, *_Nullable gamma, *_Nullable beta;
    float epsilon;
};

// Bytes of scratch memory, 64-byte aligned, that kernel_product needs for layers of up to `inputs` inputs.
size_t kernel_product_scratch(size_t inputs);

// out[rows][outputs] = epilogue(x[rows][inputs] W'). out overlaps nothing. An activation that is not finite makes its
// whole row NaN in PRODUCT_INT8, and goes its way through the sums in the other formats.
void kernel_product(const struct packed_weights *weights, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch);

// Bytes of scratch memory, 64-byte aligned, that kernel_attention needs for texts of up to `longest` tokens.
size_t kernel_attention_scratch(size_t longest, size_t width);

// For each text and head softmax(Q K' / sqrt(width)) V, in fp32. qkv is [tokens][3 * heads * width]: queries, keys and
// values side by side; head h owns columns h * width of each third. context is [tokens][heads * width]. Text t is rows
// starts[t] to starts[t + 1]; there are texts + 1 ascending starts.
void kernel_attention(const float *qkv, const size_t *starts, size_t texts, size_t heads, size_t width, float *context,
                      void *scratch);

// Multiplies and adds `rounds` tiles' worth of registers as a product of this format does, and nothing else: the most that
// one thread of this processor can do. Returns how many operations these were; a multiplication and an addition are two.
double kernel_peak(enum product_format format, size_t rounds);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif
