#define KERNEL_TABLE kernel_table_reference
#define KERNEL_NAME "reference"
#define NARROW 0
#include "reference_body.h"
