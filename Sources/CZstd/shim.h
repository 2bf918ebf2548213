// zstd, as the system has it: embeddings and heads are stored compressed.
#pragma once
#include <zstd.h>
