// Counts heap allocations, so that a test can say that there are none. A test program that links this has its own malloc,
// calloc, realloc, posix_memalign, aligned_alloc and memalign, which count and hand on to glibc's: all libraries of the
// program call these, Swift's runtime among them.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// False with another C library, and under a sanitizer, which needs an allocator of its own: then nothing is counted.
bool allocations_are_counted(void);

// How often the calling thread has called one of them.
size_t allocations_of_this_thread(void);
