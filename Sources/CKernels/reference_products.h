// The naive twins of the products and of attention; part of reference_body.h.
//
// Packed, a layer is its rounded weights as floats, [outputs][inputs]; an int8 layer has its outputs' scales and the limit
// of its activations' integers behind them.

static size_t packed_size(enum product_format format, size_t inputs, size_t outputs) {
    return (inputs * outputs + (format == PRODUCT_INT8 ? outputs + 1 : 0)) * sizeof(float);
}

static float as_bfloat16(float x) {
    uint16_t half;
    float_to_bfloat16(&x, &half, 1);
    bfloat16_to_float(&half, &x, 1);
    return x;
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
            switch (format) {
            case PRODUCT_FP32: out[k] = row[k]; break;
            case PRODUCT_BF16: out[k] = as_bfloat16(row[k]); break;
            case PRODUCT_INT8:
                out[k] = most > 0x1p-100f ? nearbyintf(row[k] * (127.0f / most)) : 0;
                sum += fabsf(out[k]);
                break;
            }
        }
        if (format == PRODUCT_INT8) scales[o] = most > 0x1p-100f ? most / 127.0f : 0;
        largest_sum = sum > largest_sum ? sum : largest_sum;
    }
    if (format == PRODUCT_INT8) scales[outputs] = (float)fmin(NARROW ? 255 : 32767, floor(2147483647.0 / largest_sum));
}

// A row as integers, out[k] = x[k] / unit rounded; when NARROW, its lowest number becomes 0 before the zero point is taken
// off again. Returns the unit: 0 for a row of nothing, NaN for one that is not finite.
static float integers(const float *x, size_t inputs, float limit, double *out) {
    float least = 0, most = 0;
    for (size_t k = 0; k < inputs; k++) {
        out[k] = 0;
        least = x[k] < least ? x[k] : least;
        most = x[k] > most ? x[k] : most;
    }
    for (size_t k = 0; k < inputs; k++)
        if (!isfinite(x[k])) return NAN;
    float magnitude = fmaxf(most, -least);
    if (magnitude < 0x1p-100f) return 0;
    float unit = NARROW ? most / limit - least / limit : magnitude / limit;
    float steps = NARROW ? 1.0f / unit : limit / magnitude;
    double zero = NARROW ? nearbyintf(-least * steps) : 0;
    for (size_t k = 0; k < inputs; k++) {
        out[k] = nearbyint((double)x[k] * steps + zero) - zero;
        if (NARROW) out[k] = fmin(fmax(out[k], -zero), limit - zero);
    }
    return unit;
}

static size_t product_scratch(size_t inputs) { return inputs * sizeof(double); }

static void product(const struct packed_weights *w, const float *x, size_t rows,
                    const struct product_epilogue *epilogue, float *out, void *scratch) {
    const float *weights = w->data, *scales = weights + w->inputs * w->outputs;
    double *row = scratch;
    for (size_t r = 0; r < rows; r++) {
        float unit = 1;
        if (w->format == PRODUCT_INT8) unit = integers(x + r * w->inputs, w->inputs, scales[w->outputs], row);
        for (size_t k = 0; k < w->inputs && w->format != PRODUCT_INT8; k++) {
            float activation = x[r * w->inputs + k];
            row[k] = NARROW && w->format == PRODUCT_BF16 ? as_bfloat16(activation) : activation;
        }
        for (size_t o = 0; o < w->outputs; o++) {
            double sum = 0;
            for (size_t k = 0; k < w->inputs; k++) sum += row[k] * weights[o * w->inputs + k];
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

// One operation at a time, and nothing that a compiler could take together.
static double peak(enum product_format format, size_t rounds) {
    volatile double sum = format;
    for (size_t i = 0; i < rounds; i++) sum = sum * 0.5 + 1;
    return 2.0 * (double)rounds;
}
