// What training hands back, once for every instruction set; part of kernels_body.h. What each one computes is said in
// kernels.h.

// gelu(v), and its derivative Phi(v) + v phi(v), phi the normal density.
INLINE floats gelu_slope(floats v, floats *value) {
    floats phi = exp_lanes(v * v * splat(-0.5f)) * splat(0.398942280f);
    floats distribution = normal_distribution_lanes(v);
    *value = v * distribution;
    return distribution + v * phi;
}

static void add_bias_gelu(float *x, const float *bias, size_t rows, size_t columns, float *out) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * columns, *to = out + r * columns;
        for (size_t c = 0; c < whole; c += LANES) {
            floats v = load(row + c) + load(bias + c);
            store(row + c, v);
            store(to + c, gelu_lanes(v));
        }
        if (rest) {
            floats v = load_tail(row + whole, rest, 0) + load_tail(bias + whole, rest, 0);
            store_tail(row + whole, v, rest);
            store_tail(to + whole, gelu_lanes(v), rest);
        }
    }
}

static void gelu_backward(float *x, float *dy, size_t count) {
    size_t whole = count - count % LANES, rest = count % LANES;
    floats value;
    for (size_t i = 0; i < whole; i += LANES) {
        store(dy + i, load(dy + i) * gelu_slope(load(x + i), &value));
        store(x + i, value);
    }
    if (rest) {
        floats slope = gelu_slope(load_tail(x + whole, rest, 0), &value);
        store_tail(dy + whole, load_tail(dy + whole, rest, 0) * slope, rest);
        store_tail(x + whole, value, rest);
    }
}

// With y the normalised row, (x - mean) * scale, and g = dy * gamma: dx = scale * (g - mean(g) - y * mean(g * y)).
// dx may be dy: the two sums are complete before anything is written.
INLINE void normalize_row_backward(const float *x, const float *dy, size_t columns, const float *gamma, float epsilon,
                                   float *dx, float *dgamma, float *dbeta) {
    size_t whole = columns - columns % LANES, rest = columns % LANES;
    float mean = row_sum(x, columns) / (float)columns;
    float scale = 1.0f / sqrtf(row_squares(x, columns, mean) / (float)columns + epsilon);
    floats sums = splat(0), products = splat(0);
    for (size_t c = 0; c < whole; c += LANES) {
        floats y = (load(x + c) - mean) * scale, d = load(dy + c);
        if (dgamma) {
            store(dgamma + c, load(dgamma + c) + d * y);
            store(dbeta + c, load(dbeta + c) + d);
        }
        floats g = gamma ? d * load(gamma + c) : d;
        sums += g;
        products += g * y;
    }
    if (rest) {
        floats y = (load_tail(x + whole, rest, mean) - mean) * scale, d = load_tail(dy + whole, rest, 0);
        if (dgamma) {
            store_tail(dgamma + whole, load_tail(dgamma + whole, rest, 0) + d * y, rest);
            store_tail(dbeta + whole, load_tail(dbeta + whole, rest, 0) + d, rest);
        }
        floats g = gamma ? d * load_tail(gamma + whole, rest, 0) : d;
        sums += g;
        products += g * y;
    }
    float sum = sum_lanes(sums) / (float)columns, product = sum_lanes(products) / (float)columns;
    for (size_t c = 0; c < whole; c += LANES) {
        floats y = (load(x + c) - mean) * scale, d = load(dy + c);
        floats g = gamma ? d * load(gamma + c) : d;
        store(dx + c, (g - sum - y * product) * scale);
    }
    for (size_t c = whole; c < columns; c++) {
        float y = (x[c] - mean) * scale, g = gamma ? dy[c] * gamma[c] : dy[c];
        dx[c] = (g - sum - y * product) * scale;
    }
}

static void layer_norm_backward(const float *x, const float *dy, size_t rows, size_t columns, const float *gamma,
                                float epsilon, float *dx, float *dgamma, float *dbeta) {
    for (size_t r = 0; r < rows; r++)
        normalize_row_backward(x + r * columns, dy + r * columns, columns, gamma, epsilon, dx + r * columns, dgamma,
                               dbeta);
}

static void softmax_backward(const float *probabilities, float *dy, size_t rows, size_t columns) {
    size_t whole = columns - columns % LANES;
    for (size_t r = 0; r < rows; r++) {
        const float *p = probabilities + r * columns;
        float *d = dy + r * columns;
        float sum = dot(p, d, columns);
        for (size_t c = 0; c < whole; c += LANES) store(d + c, load(p + c) * (load(d + c) - sum));
        for (size_t c = whole; c < columns; c++) d[c] = p[c] * (d[c] - sum);
    }
}

static void normalize_backward(const float *x, const float *dy, size_t rows, size_t columns, float *dx) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns, *d = dy + r * columns;
        float *out = dx + r * columns;
        double squares = sum_of_squares(row, columns);
        if (!(squares > 0)) {
            memset(out, 0, columns * sizeof(float));
            continue;
        }
        float factor = (float)(1 / sqrt(squares)), along = (float)(dot(row, d, columns) / squares);
        for (size_t c = 0; c < columns; c++) out[c] = (d[c] - row[c] * along) * factor;
    }
}

static void dropout(float *x, size_t count, uint64_t first, const struct kernel_random *stream, float rate) {
    float mask[256];
    for (size_t start = 0; start < count; start += 256) {
        size_t n = count - start < 256 ? count - start : 256;
        dropout_mask(mask, n, first + start, stream, rate);
        for (size_t i = 0; i < n; i++) x[start + i] *= mask[i];
    }
}

// Four vectors of columns at a time go down all rows in registers.
static void add_column_sums(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    size_t c = 0;
    for (; c + 4 * LANES <= columns; c += 4 * LANES) {
        floats sums[4] = {splat(0), splat(0), splat(0), splat(0)};
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < 4; i++) sums[i] += load(x + r * stride + c + i * LANES);
        for (size_t i = 0; i < 4; i++) store(out + c + i * LANES, load(out + c + i * LANES) + sums[i]);
    }
    for (; c < columns; c += LANES) {
        size_t rest = columns - c < LANES ? columns - c : LANES;
        floats sums = splat(0);
        for (size_t r = 0; r < rows; r++)
            sums += rest < LANES ? load_tail(x + r * stride + c, rest, 0) : load(x + r * stride + c);
        store_tail(out + c, load_tail(out + c, rest, 0) + sums, rest);
    }
}

static void scatter_add_rows(const float *x, const int32_t *places, size_t rows, size_t columns, size_t stride,
                             float *table) {
    for (size_t r = 0; r < rows; r++) {
        float *to = table + (size_t)places[r] * stride;
        for (size_t c = 0; c < columns; c++) to[c] += x[r * stride + c];
    }
}

// In squares: a cache line that is written comes with all its sixteen numbers, and sixteen lines that are read stay.
static void transpose(const float *x, size_t rows, size_t columns, size_t stride, float *out) {
    enum { SIDE = 16 };
    for (size_t r = 0; r < rows; r += SIDE)
        for (size_t c = 0; c < columns; c += SIDE) {
            size_t right = columns - c < SIDE ? columns - c : SIDE, down = rows - r < SIDE ? rows - r : SIDE;
            for (size_t i = 0; i < right; i++)
                for (size_t j = 0; j < down; j++) out[(c + i) * rows + r + j] = x[(r + j) * stride + c + i];
        }
}
