// The threads of a block: fibers, which hand the processor on where they wait for one another.
#pragma once

/// Dynamic shared memory of the block that is computed.
alignas(1024) static unsigned char clf_shared[256 * 1024];

namespace clf {

constexpr unsigned MOST_EXCHANGED = 512;

enum State { READY, AT_WARP, AT_BLOCK, AT_BARRIER, DONE, FAILED };

struct Lane {
    void *stack;
    State state;
    int site;                                  // where in the source it waits for its warp
    unsigned group, bytes;                     // the lanes that were there with it, and how much it gave them
    uint3 index;
    unsigned char given[MOST_EXCHANGED], published[MOST_EXCHANGED];
};
static_assert(sizeof(Lane) <= CLF_STATE, "the driver has memory for it");

static Lane *lanes = nullptr, *current = nullptr;
static void *scheduler = nullptr;
static const char *failure = nullptr;          // why the launch cannot go on
static unsigned shared_bytes = 0;              // dynamic shared memory that the launch asked for
static void (*body)(void *) = nullptr;
static void *argument = nullptr;

/// Saves the registers that a call keeps and its stack in `*save`, goes on with the stack `load`.
extern "C" void clf_switch(void **save, void *load);
#if !defined(__x86_64__)
#error "the emulated GPU knows the registers of x86-64 alone"
#endif
asm(R"(
.text
.p2align 4
.type clf_switch,@function
.hidden clf_switch
clf_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

/// Ends this thread's turn.
static void wait(State state) {
    if (!current) { // A kernel that was taken for one whose threads never wait.
        fprintf(stderr, "emulated GPU: a thread waits in a kernel whose threads were thought to be independent\n");
        abort();
    }
    Lane *self = current;
    self->state = state;
    clf_switch(&self->stack, scheduler);
    threadIdx = self->index;
}

/// Ends the launch; the first reason stands.
static void fail(const char *reason) {
    if (!failure) failure = reason;
    wait(FAILED);
    __builtin_trap();
}

static void begin() {
    threadIdx = current->index;
    body(argument);
    current->state = DONE;
    void *nowhere;
    clf_switch(&nowhere, scheduler);
    __builtin_trap();
}

/// Makes `threads` fibers that begin with the kernel's first line.
static void prepare(char *stacks, unsigned threads) {
    for (unsigned i = 0; i < threads; i++) {
        // Not all at the same place of a page: they would displace one another from the caches.
        void **top = (void **)(stacks + size_t(CLF_STACK) * (i + 1) - 64 - (i % 16) * 64);
        *--top = nullptr;
        *--top = (void *)begin;
        for (int k = 0; k < 6; k++) *--top = nullptr;
        lanes[i].stack = top;
        lanes[i].state = READY;
        lanes[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    }
}

} // namespace clf
