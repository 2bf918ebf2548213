// x86-64 since Haswell (2013) and Excavator (2015).
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNEL_TABLE kernel_table_avx2
#define KERNEL_NAME "avx2"
#include "kernels_body.h"
#pragma clang attribute pop
#endif
