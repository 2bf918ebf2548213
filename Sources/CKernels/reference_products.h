// The naive twins of the products and of attention; part of reference.c.
//
// Packed, a layer is its rounded weights as floats, [outputs][inputs]; an int8 layer has its outputs' scales and the limit
// of its activations' integers behind them.

static size_t packed_size(enum product_format format, size_t inputs, size_t outputs) {
    return (inputs * outputs + (format == PRODUCT_INT8 ? outputs + 1 : 0)) * sizeof(float);
}

static void pack(enum product_format format, const float *weights, size_t inputs, size_t outputs, void *data) {
    float *packed = data, *scales = packed + inputs * outputs;
    double largest_sum = 1;
    for (size_t o = 0; o < outputs; o++) {
        const float *row = weights + o * inputs;
        float *out = packed + o * inputs;
        float most = 0;
        double sum = 0;
        for (size_t k = 0; k < inputs; k++) most = fabsf(row[k]) > most ? fabsf(row[k]) : most;
        for (size_t k = 0; k < inputs; k++) {
            uint16_t half;
            switch (format) {
            case PRODUCT_FP32: out[k] = row[k]; break;
            case PRODUCT_BF16:
                float_to_bfloat16(row + k, &half, 1);
                bfloat16_to_float(&half, out + k, 1);
                break;
            case PRODUCT_INT8:
                out[k] = most > 0x1p-100f ? nearbyintf(row[k] * (127.0f / most)) : 0;
                sum += fabsf(out[k]);
                break;
            }
        }
        if (format == PRODUCT_INT8) scales[o] = most > 0x1p-100f ? most / 127.0f : 0;
        largest_sum = sum > largest_sum ? sum : largest_sum;
    }
    if (format == PRODUCT_INT8) scales[outputs] = (float)fmin(32767, floor(2147483647.0 / largest_sum));
}

// What one unit of a row's integers is worth; NaN when the row is not finite.
static float row_scale(const float *x, size_t inputs, float limit) {
    float most = 0;
    for (size_t k = 0; k < inputs; k++) {
        if (!isfinite(x[k])) return NAN;
        most = fabsf(x[k]) > most ? fabsf(x[k]) : most;
    }
    return most < 0x1p-100f ? 0 : most / limit;
}

static size_t product_scratch(size_t inputs) { return inputs; }

static void product(const struct packed_weights *w, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch) {
    (void)scratch;
    const float *weights = w->data, *scales = weights + w->inputs * w->outputs;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * w->inputs;
        float limit = w->format == PRODUCT_INT8 ? scales[w->outputs] : 0;
        float unit = w->format == PRODUCT_INT8 ? row_scale(row, w->inputs, limit) : 1;
        float most = unit * limit, steps = unit > 0 ? limit / most : 0;
        for (size_t o = 0; o < w->outputs; o++) {
            double sum = 0;
            for (size_t k = 0; k < w->inputs; k++) {
                double a = w->format == PRODUCT_INT8 ? nearbyintf(row[k] * steps) : row[k];
                sum += a * weights[o * w->inputs + k];
            }
            out[r * w->outputs + o] = (float)(w->format == PRODUCT_INT8 ? sum * unit * scales[o] : sum);
        }
    }
    switch (epilogue->ending) {
    case PRODUCT_BIAS: add_bias(out, epilogue->bias, rows, w->outputs); break;
    case PRODUCT_GELU: bias_gelu(out, epilogue->bias, rows, w->outputs); break;
    case PRODUCT_ADD_NORM:
        bias_residual_layer_norm(out, epilogue->bias, epilogue->residual, rows, w->outputs, epilogue->gamma,
                                 epilogue->beta, epilogue->epsilon, out);
    }
}

static size_t attention_scratch(size_t longest, size_t width) { return (width + longest) * sizeof(double); }

static void attention(const float *qkv, const size_t *starts, size_t texts, size_t heads, size_t width, float *context,
                      void *scratch) {
    double *scores = scratch;
    size_t hidden = heads * width, stride = 3 * hidden;
    for (size_t text = 0; text < texts; text++)
        for (size_t query = starts[text]; query < starts[text + 1]; query++)
            for (size_t head = 0; head < heads; head++) {
                size_t first = starts[text], length = starts[text + 1] - first;
                const float *q = qkv + query * stride + head * width;
                double most = -INFINITY, sum = 0;
                for (size_t t = 0; t < length; t++) {
                    const float *k = qkv + (first + t) * stride + hidden + head * width;
                    scores[t] = 0;
                    for (size_t i = 0; i < width; i++) scores[t] += (double)q[i] * k[i] / sqrt((double)width);
                    most = scores[t] > most ? scores[t] : most;
                }
                for (size_t t = 0; t < length; t++) sum += scores[t] = exp(scores[t] - most);
                for (size_t i = 0; i < width; i++) {
                    double value = 0;
                    for (size_t t = 0; t < length; t++)
                        value += scores[t] / sum * qkv[(first + t) * stride + 2 * hidden + head * width + i];
                    context[query * hidden + head * width + i] = (float)value;
                }
            }
}
