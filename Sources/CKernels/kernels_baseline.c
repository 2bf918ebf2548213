// Whatever the compiler may assume of the architecture: SSE2 on x86-64, NEON on arm64.
#define KERNEL_TABLE kernel_table_baseline
#define KERNEL_NAME "baseline"
#include "kernels_body.h"
