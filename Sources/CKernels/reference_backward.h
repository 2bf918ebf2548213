// The naive twins of what training hands back; part of reference_body.h.

static double normal_distribution(double v) { return 0.5 * erfc(-v * M_SQRT1_2); }

static void add_bias_gelu(float *x, const float *bias, size_t rows, size_t columns, float *out) {
    for (size_t i = 0; i < rows * columns; i++) {
        x[i] += bias[i % columns];
        out[i] = (float)(x[i] * normal_distribution(x[i]));
    }
}

static void gelu_backward(float *x, float *dy, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double v = x[i], density = exp(-v * v / 2) / sqrt(2 * M_PI);
        dy[i] = (float)(dy[i] * (normal_distribution(v) + v * density));
        x[i] = (float)(v * normal_distribution(v));
    }
}

// Straight from the Jacobian of a row: d y[k] / d x[c] = (k == c - 1/n - y[k] y[c] / n) / deviation, y normalised.
static void layer_norm_backward(const float *x, const float *dy, size_t rows, size_t columns, const float *gamma,
                                float epsilon, float *dx, float *dgamma, float *dbeta) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns, *d = dy + r * columns;
        double n = (double)columns, mean = 0, variance = 0, sum = 0, product = 0;
        for (size_t c = 0; c < columns; c++) mean += row[c] / n;
        for (size_t c = 0; c < columns; c++) variance += (row[c] - mean) * (row[c] - mean) / n;
        double deviation = sqrt(variance + epsilon);
        for (size_t k = 0; k < columns; k++) {
            double y = (row[k] - mean) / deviation, g = d[k] * (gamma ? (double)gamma[k] : 1);
            sum += g / n;
            product += g * y / n;
            if (dgamma) dgamma[k] = (float)(dgamma[k] + d[k] * y);
            if (dbeta) dbeta[k] += d[k];
        }
        for (size_t c = 0; c < columns; c++) {
            double y = (row[c] - mean) / deviation, g = d[c] * (gamma ? (double)gamma[c] : 1);
            dx[r * columns + c] = (float)((g - sum - y * product) / deviation);
        }
    }
}

static void softmax_backward(const float *probabilities, float *dy, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float *p = probabilities + r * columns;
        float *d = dy + r * columns;
        double sum = 0;
        for (size_t c = 0; c < columns; c++) sum += (double)p[c] * d[c];
        for (size_t c = 0; c < columns; c++) d[c] = (float)(p[c] * (d[c] - sum));
    }
}

static void normalize_backward(const float *x, const float *dy, size_t rows, size_t columns, float *dx) {
    for (size_t r = 0; r < rows; r++) {
        double squares = 0, along = 0;
        for (size_t c = 0; c < columns; c++) {
            squares += (double)x[r * columns + c] * x[r * columns + c];
            along += (double)x[r * columns + c] * dy[r * columns + c];
        }
        for (size_t c = 0; c < columns; c++) {
            double across = dy[r * columns + c] - x[r * columns + c] * along / squares;
            dx[r * columns + c] = (float)(squares > 0 ? across / sqrt(squares) : 0);
        }
    }
}

static void dropout(float *x, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    for (size_t i = 0; i < count; i++) {
        float mask;
        dropout_mask(&mask, 1, first + i, stream, rate);
        x[i] *= mask;
    }
}

static void add_column_sums(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    for (size_t c = 0; c < columns; c++) {
        double sum = out[c];
        for (size_t r = 0; r < rows; r++) sum += x[r * stride + c];
        out[c] = (float)sum;
    }
}

static void scatter_add_rows(const float *x, const int32_t *places, size_t rows, size_t columns, size_t stride,
                             float *table) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) table[(size_t)places[r] * stride + c] += x[r * stride + c];
}

static void transpose(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) out[c * rows + r] = x[r * stride + c];
}
