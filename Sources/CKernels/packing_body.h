// Weights in the order in which tiles read them; included by products_body.h.
//
// Panels of PANEL outputs lie behind each other. In a panel, each group of inputs (as many as fit into 32 bits, or into
// what widening makes 32 bits of) lies beside the same group of the next output: [inputs / group][PANEL][group]. Outputs
// and inputs that fill panels and groups are zeros.

// Inputs of a row that one step of a tile takes.
INLINE size_t group_of(enum product_format format) {
    switch (format) {
    case PRODUCT_FP32: return 1;
    case PRODUCT_BF16: return NARROW ? 2 : 1;
    case PRODUCT_INT8: return NARROW ? 4 : 2;
    }
    __builtin_unreachable();
}

INLINE size_t padded_inputs(enum product_format format, size_t inputs) {
    return rounded_up(inputs, group_of(format));
}

INLINE size_t weight_bytes(enum product_format format) {
    return format == PRODUCT_FP32 ? 4 : format == PRODUCT_BF16 ? 2 : 1;
}

INLINE size_t panels_size(enum product_format format, size_t inputs, size_t outputs) {
    return rounded_up(padded_inputs(format, inputs) * rounded_up(outputs, PANEL) * weight_bytes(format), ALIGNMENT);
}

// Behind an int8 layer's panels.
struct int8_layer {
    float *limit;   // of a row's integers: the largest magnitude, or the largest when they have no sign
    float *scales;  // [outputs, padded to whole panels]
    int32_t *sums;  // the same of each output's weights, where activations have a zero point
};

static size_t packed_size(enum product_format format, size_t inputs, size_t outputs) {
    size_t panels = panels_size(format, inputs, outputs), padded = rounded_up(outputs, PANEL);
    return format == PRODUCT_INT8 ? panels + (LANES + padded * (NARROW ? 2 : 1)) * sizeof(float) : panels;
}

INLINE struct int8_layer int8_layer_of(const void *data, size_t inputs, size_t outputs) {
    float *tail = (float *)((unsigned char *)(uintptr_t)data + panels_size(PRODUCT_INT8, inputs, outputs));
    float *scales = tail + LANES;
    return (struct int8_layer){.limit = tail, .scales = scales, .sums = (int32_t *)(scales + rounded_up(outputs, PANEL))};
}

// Where the weight of input k lies behind that of input 0 of the same output.
INLINE size_t weight_place(enum product_format format, size_t k) {
    size_t group = group_of(format);
    return k / group * group * PANEL + k % group;
}

INLINE size_t output_place(enum product_format format, size_t inputs, size_t output) {
    return output / PANEL * PANEL * padded_inputs(format, inputs) + output % PANEL * group_of(format);
}

static void pack_int8(const float *weights, size_t inputs, size_t outputs, void *data) {
    struct int8_layer layer = int8_layer_of(data, inputs, outputs);
    double largest_sum = 1;
    for (size_t o = 0; o < outputs; o++) {
        const float *row = weights + o * inputs;
        int8_t *column = (int8_t *)data + output_place(PRODUCT_INT8, inputs, o);
        float most = 0, bad = 0; // x - x is NaN where x is not finite
        for (size_t k = 0; k < inputs; k++) {
            most = fabsf(row[k]) > most ? fabsf(row[k]) : most;
            bad += row[k] - row[k];
        }
        int finite = bad == 0;
        float steps = finite && most > 0x1p-100f ? 127.0f / most : 0;
        double magnitudes = 0;
        int32_t sum = 0;
        for (size_t k = 0; k < inputs; k++) {
            float q = finite ? nearbyintf(row[k] * steps) : 0;
            magnitudes += fabsf(q);
            sum += (int32_t)q;
            column[weight_place(PRODUCT_INT8, k)] = (int8_t)q;
        }
        layer.scales[o] = !finite ? NAN : steps > 0 ? most / 127.0f : 0; // a broken weight shows, as in fp32
        if (NARROW) layer.sums[o] = sum;
        largest_sum = magnitudes > largest_sum ? magnitudes : largest_sum;
    }
    double limit = floor(2147483647.0 / largest_sum), most = NARROW ? 255 : 32767;
    *layer.limit = (float)(limit < most ? limit : most);
}

INLINE void pack_floats(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data) {
    for (size_t o = 0; o < outputs; o++) {
        size_t first = output_place(format, inputs, o);
        const float *row = weights + o * inputs;
        for (size_t k = 0; k < inputs; k++) {
            size_t place = first + weight_place(format, k);
            if (format == PRODUCT_FP32)
                ((float *)data)[place] = row[k];
            else
                float_to_bfloat16(row + k, (uint16_t *)data + place, 1);
        }
    }
}

static void pack(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data) {
    memset(data, 0, packed_size(format, inputs, outputs));
    switch (format) {
    case PRODUCT_FP32: pack_floats(PRODUCT_FP32, weights, inputs, outputs, data); break;
    case PRODUCT_BF16: pack_floats(PRODUCT_BF16, weights, inputs, outputs, data); break;
    case PRODUCT_INT8: pack_int8(weights, inputs, outputs, data); break;
    }
}
