// The files that the binary carries inside itself, so that it needs none beside it: the migrations and the demo's texts.
// Not a general resource system: a file is added by naming it in resources.c.
#pragma once
#include <stddef.h>

typedef struct {
    const char *name;  // file name without its folder
    const unsigned char *bytes;
    size_t count;
} glossator_resource;

// In the order in which they are applied.
const glossator_resource *glossator_migrations(size_t *count);

// labelled.jsonl and unlabelled.jsonl, as `glossator import` reads them.
const glossator_resource *glossator_demo_texts(size_t *count);
