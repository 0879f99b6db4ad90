// What the driver and a compiled kernel agree on.
#pragma once

/// Threads of a block at most, bytes of the stack of each, of which the lowest page cannot be touched, bytes of its other state.
enum { CLF_THREADS = 1024, CLF_STACK = 128 << 10, CLF_PAGE = 4096, CLF_STATE = 2048 };

/// One launch, as `cuLaunchKernel` gets it: blocks, threads of a block, bytes of dynamic shared memory, addresses of arguments.
/// `stacks` and `states` are memory for CLF_THREADS threads, which all kernels share.
struct clf_launch {
    unsigned grid[3], block[3], shared;
    void **parameters;
    char *stacks, *states;
};

/// Computes a launch; a null pointer, or why it could not.
typedef const char *(*clf_invoke_t)(const clf_launch *);

/// What lies in a CUtensorMap: base address, strides in bytes from the second dimension on, sizes, box, steps, and
/// whether numbers are rounded to tf32.
struct clf_tensor_map {
    unsigned long base, stride[4];
    unsigned size[5];
    unsigned short box[5];
    unsigned char step[5], rank, element, swizzle, is_tf32;
};
static_assert(sizeof(clf_tensor_map) <= 128, "it has to fit into a CUtensorMap");
