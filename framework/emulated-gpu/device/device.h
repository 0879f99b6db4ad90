// CUDA C++ as C++ for this processor. Every translated kernel includes this file, and nothing else.
#pragma once
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <math.h>
#include <type_traits>
#include <utility>

#include "launch.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define __shared__ static
#define __CUDA_ARCH__ 900

struct uint3 { unsigned x, y, z; };
static uint3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

#include "threads.h"
#include "block.h"
#include "warp.h"
#include "arithmetic.h"
#include "bf16.h"
#include "shared.h"
#include "mma.h"
#include "wmma.h"
#include "barrier.h"

// The kernels name these themselves, two of them otherwise than the host does.
#define int64_t clf_int64_t
#define uint64_t clf_uint64_t
