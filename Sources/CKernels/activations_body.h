// A block of rows in the form in which tiles read it; included by products_body.h.

typedef int32_t ints __attribute__((ext_vector_type(LANES)));
typedef uint16_t halves __attribute__((ext_vector_type(LANES)));
#if NARROW
typedef uint8_t digit;
#else
typedef int16_t digit;
#endif
typedef digit digits __attribute__((ext_vector_type(LANES)));

// Rows are this far apart, in elements: the last vector of a row may be stored whole.
INLINE size_t row_stride(size_t inputs) { return rounded_up(inputs, LANES); }

INLINE floats load_upto(const float *p, size_t count) { return count < LANES ? load_tail(p, count, 0) : load(p); }

// How a row becomes integers: x = scale * (q - zero), 0 <= q <= limit when NARROW, else |q| <= limit and zero = 0.
struct row_unit {
    float scale, steps, zero;
};

INLINE struct row_unit unit_of(const float *x, size_t inputs, float limit) {
    floats low = splat(0), high = splat(0), bad = splat(0); // x - x is NaN where x is not finite
    for (size_t k = 0; k < inputs; k += LANES) {
        floats v = load_upto(x + k, inputs - k);
        low = smaller(low, v);
        high = larger(high, v);
        bad += v - v;
    }
    float least = -max_lanes(-low), most = max_lanes(high), nan = sum_lanes(bad);
    float magnitude = most > -least ? most : -least;
    // Below this a row is nothing, and its reciprocal would overflow. A row that is not finite gets a scale of NaN.
    if (magnitude < 0x1p-100f || nan != nan) return (struct row_unit){.scale = nan};
    if (!NARROW) return (struct row_unit){.scale = magnitude / limit, .steps = limit / magnitude};
    float scale = most / limit - least / limit, steps = 1.0f / scale;
    return (struct row_unit){.scale = scale, .steps = steps, .zero = nearbyintf(-least * steps)};
}

static void quantize_rows(const float *x, size_t rows, size_t inputs, float limit, digit *out, float *scales,
                          int32_t *zeros) {
    const floats magic = splat(0x1.8p23f); // adding it rounds to a whole number, kept in the low bits
    for (size_t r = 0; r < rows; r++, x += inputs, out += row_stride(inputs)) {
        struct row_unit unit = unit_of(x, inputs, limit);
        scales[r] = unit.scale;
        zeros[r] = (int32_t)unit.zero;
        floats base = magic + unit.zero, top = magic + limit;
        for (size_t k = 0; k < inputs; k += LANES) {
            floats shifted = load_upto(x + k, inputs - k) * unit.steps + base;
            // Both ends of a row may round away from zero: without a sign the larger one can leave the range by one, and
            // the smaller one where the zero point was rounded from a product that was itself rounded.
            if (NARROW) shifted = smaller(larger(shifted, magic), top);
            ints q = __builtin_bit_cast(ints, shifted) - __builtin_bit_cast(ints, magic);
            digits narrow = __builtin_convertvector(q, digits);
            memcpy(out + k, &narrow, sizeof narrow);
        }
    }
}

#if NARROW
static void round_rows(const float *x, size_t rows, size_t inputs, uint16_t *out) {
    for (size_t r = 0; r < rows; r++, x += inputs, out += row_stride(inputs))
        for (size_t k = 0; k < inputs; k += LANES) {
            halves rounded = bf16_round(load_upto(x + k, inputs - k));
            memcpy(out + k, &rounded, sizeof rounded);
        }
}
#endif
