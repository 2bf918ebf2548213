// Attention of ragged texts, once for every instruction set; included behind products_body.h.
//
// One head of one text at a time, a block of queries at a time: the scores of a block against all keys are whole rows, so
// softmax is exact and a text of any length needs scratch memory for one block only.

enum { BLOCK_QUERIES = BLOCK_ROWS };

// Regions of the scratch memory, in floats; each begins on a cache line.
struct attention_plan {
    size_t keys, values, scores, total;
    size_t length; // the text's, padded to whole panels
    size_t width;  // the head's, padded to whole panels
};

INLINE struct attention_plan plan_attention(size_t longest, size_t width) {
    struct attention_plan plan = {.length = rounded_up(longest, PANEL), .width = rounded_up(width, PANEL)};
    plan.keys = 0;
    plan.values = plan.keys + plan.length * width;
    plan.scores = plan.values + plan.length * plan.width;
    plan.total = plan.scores + BLOCK_QUERIES * plan.length;
    return plan;
}

static size_t attention_scratch(size_t longest, size_t width) {
    return rounded_up(plan_attention(longest, width).total * sizeof(float), ALIGNMENT);
}

// out[c][r] = in[r][c] for 8 x 8 elements; rows of `in` lie `stride` apart, those of `out` PANEL.
INLINE void transpose8(const float *in, size_t stride, float *out) {
    float8 r[8], s[8];
    UNROLL for (int i = 0; i < 8; i++) memcpy(&r[i], in + (size_t)i * stride, sizeof r[i]);
    UNROLL for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    UNROLL for (int i = 0; i < 8; i += 4)
        UNROLL for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = __builtin_shufflevector(s[i + j], s[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[i + 2 * j + 1] = __builtin_shufflevector(s[i + j], s[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    UNROLL for (int i = 0; i < 4; i++) {
        s[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        s[i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    UNROLL for (int i = 0; i < 8; i++) memcpy(out + (size_t)i * PANEL, &s[i], sizeof s[i]);
}

// Keys as panels [panel][width][PANEL]; those that fill the last panel are zeros.
INLINE void pack_keys(const float *keys, size_t stride, size_t length, size_t width, size_t padded, float *out) {
    for (size_t t = 0; t < padded; t += 8) {
        float *column = out + t / PANEL * PANEL * width + t % PANEL;
        size_t k = 0;
        if (t + 8 <= length)
            for (; k + 8 <= width; k += 8) transpose8(keys + t * stride + k, stride, column + k * PANEL);
        for (; k < width; k++)
            for (size_t i = 0; i < 8; i++) column[k * PANEL + i] = t + i < length ? keys[(t + i) * stride + k] : 0;
    }
}

// Values as panels [panel of columns][length][PANEL].
INLINE void pack_values(const float *values, size_t stride, size_t length, size_t width, float *out) {
    for (size_t column = 0; column < width; column += PANEL) {
        size_t columns = width - column < PANEL ? width - column : PANEL;
        float *panel = out + column * length;
        for (size_t t = 0; t < length; t++) {
            if (columns == PANEL) {
                memcpy(panel + t * PANEL, values + t * stride + column, PANEL * sizeof(float));
            } else {
                memset(panel + t * PANEL, 0, PANEL * sizeof(float));
                memcpy(panel + t * PANEL, values + t * stride + column, columns * sizeof(float));
            }
        }
    }
}

// Softmax over the first `length` of `padded` scores of each row, times `factor`, but for the division: the rows' sums are
// what is left to divide by. Scores beyond become 0.
INLINE void exponentials(float *scores, size_t rows, size_t length, size_t padded, float factor, float *sums) {
    const words lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t whole = length - length % LANES, rest = length % LANES;
    for (size_t r = 0; r < rows; r++, scores += padded) {
        floats most = splat(-INFINITY), sum = splat(0);
        if (rest) {
            most = lane < (uint32_t)rest ? load(scores + whole) : most;
            store(scores + whole, most);
        }
        for (size_t c = 0; c < whole; c += LANES) most = larger(load(scores + c), most);
        float shift = max_lanes(most);
        for (size_t c = 0; c < length; c += LANES) {
            floats e = exp_lanes((load(scores + c) - shift) * factor);
            if (c == whole) e = lane < (uint32_t)rest ? e : splat(0);
            store(scores + c, e);
            sum += e;
        }
        sums[r] = sum_lanes(sum);
    }
}

// out[rows][columns] = rows of `a`, [rows][inputs] at `stride`, times panels [panel][inputs][PANEL]. Missing rows of the
// last tile repeat the last one; columns are whole panels but for what `columns` says of the last.
INLINE void small_product(const float *a, size_t stride, size_t rows, size_t inputs, const float *panels,
                          size_t columns, float *out, size_t out_stride) {
    for (size_t column = 0; column < columns; column += PANEL)
        for (size_t m = 0; m < rows; m += TILE_ROWS) {
            size_t count = rows - m < TILE_ROWS ? rows - m : TILE_ROWS;
            tile_floats acc[TILE_ROWS][TILE_VECTORS] = {0};
            const float *row[TILE_ROWS];
            UNROLL for (int r = 0; r < TILE_ROWS; r++)
                row[r] = a + (m + ((size_t)r < count ? (size_t)r : count - 1)) * stride;
            tile_fp32(row, panels + column * inputs, inputs, acc);
            store_sums(out + m * out_stride + column, out_stride, count,
                       columns - column < PANEL ? columns - column : PANEL, acc);
        }
}

static void attend_head(const float *queries, size_t hidden, size_t length, size_t width, float *context,
                        const struct attention_plan *plan, float *scratch) {
    size_t stride = 3 * hidden;
    float factor = 1.0f / sqrtf((float)width), sums[BLOCK_QUERIES];
    float *scores = scratch + plan->scores;
    pack_keys(queries + hidden, stride, length, width, plan->length, scratch + plan->keys);
    pack_values(queries + 2 * hidden, stride, length, width, scratch + plan->values);
    for (size_t first = 0; first < length; first += BLOCK_QUERIES) {
        size_t rows = length - first < BLOCK_QUERIES ? length - first : BLOCK_QUERIES;
        small_product(queries + first * stride, stride, rows, width, scratch + plan->keys, plan->length, scores,
                      plan->length);
        exponentials(scores, rows, length, plan->length, factor, sums);
        small_product(scores, plan->length, rows, length, scratch + plan->values, width, context + first * hidden,
                      hidden);
        for (size_t r = 0; r < rows; r++) {
            float share = 1.0f / sums[r];
            for (size_t k = 0; k < width; k++) context[(first + r) * hidden + k] *= share;
        }
    }
}

static void attention(const float *qkv, const size_t *starts, size_t texts, size_t heads, size_t width, float *context,
                      void *scratch) {
    size_t hidden = heads * width;
    for (size_t text = 0; text < texts; text++) {
        size_t length = starts[text + 1] - starts[text];
        if (length == 0) continue;
        struct attention_plan plan = plan_attention(length, width);
        for (size_t head = 0; head < heads; head++)
            attend_head(qkv + starts[text] * 3 * hidden + head * width, hidden, length, width,
                        context + starts[text] * hidden + head * width, &plan, scratch);
    }
}
