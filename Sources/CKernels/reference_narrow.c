#define KERNEL_TABLE kernel_table_reference_narrow
#define KERNEL_NAME "reference-narrow"
#define NARROW 1
#include "reference_body.h"
