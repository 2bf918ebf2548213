// OpenBLAS's CBLAS interface. Only Tensors' Gemm.swift and Attention.swift call it.
#pragma once
#include <cblas.h>
