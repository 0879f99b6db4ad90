// The order in which the threads of a block run, and the blocks of a launch.
#pragma once

namespace clf {

struct Warp { unsigned from, end; };
/// What a look at all threads has found.
struct Seen { bool moved = false, at_block = false, polling = false; };

/// Lets the threads of a warp run that can; gives the site furthest behind in the source at which some wait, or -1.
static int run_ready(Warp warp, Seen &seen, bool &polls) {
    int site = -1;
    for (unsigned i = warp.from; i < warp.end; i++) {
        Lane &lane = lanes[i];
        if (lane.state == READY) {
            current = &lane;
            clf_switch(&scheduler, lane.stack);
            seen.moved |= lane.state != AT_BARRIER;
        }
        if (lane.state == AT_WARP && (site < 0 || lane.site < site)) site = lane.site;
        seen.at_block |= lane.state == AT_BLOCK;
        polls |= lane.state == AT_BARRIER;
    }
    seen.polling |= polls;
    return site;
}

/// The lanes of a warp that wait at `site` get what they gave one another, and go on together.
static void release(Warp warp, int site) {
    unsigned group = 0;
    for (unsigned i = warp.from; i < warp.end; i++)
        if (lanes[i].state == AT_WARP && lanes[i].site == site) group |= 1u << (i - warp.from);
    for (unsigned i = warp.from; i < warp.end; i++) {
        if (!(group >> (i - warp.from) & 1)) continue;
        memcpy(lanes[i].published, lanes[i].given, lanes[i].bytes);
        lanes[i].group = group;
        lanes[i].state = READY;
    }
}

static void wake(unsigned threads, State waiting) {
    for (unsigned i = 0; i < threads; i++)
        if (lanes[i].state == waiting) lanes[i].state = READY;
}

/// Runs a block to its end; false where it cannot get there, with the reason in `failure`.
static bool run_block(char *stacks, unsigned threads) {
    prepare(stacks, threads);
    // Lanes at a barrier may still come to where the others of their warp wait; once nothing moves they will not.
    bool is_stuck = false;
    for (;;) {
        Seen seen;
        for (unsigned w = 0; w < threads; w += 32) {
            Warp warp = {w, std::min(w + 32, threads)};
            for (;;) {
                bool polls = false;
                int site = run_ready(warp, seen, polls);
                if (failure) return false;
                if (site < 0 || (polls && !is_stuck)) break;
                is_stuck = false;
                seen.moved = true;
                release(warp, site);
            }
        }
        if (seen.polling) {
            if (!seen.moved && is_stuck) { failure = "its threads wait at a barrier that nothing will complete"; return false; }
            is_stuck = !seen.moved;
            wake(threads, AT_BARRIER);
        } else if (seen.at_block) {
            wake(threads, AT_BLOCK);
        } else {
            return true;
        }
    }
}

/// Runs a block whose threads do not wait for one another.
static bool run_loop() {
    current = nullptr;
    for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
        for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
            for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) body(argument);
    return true;
}

template <class... A> struct Call { void (*kernel)(A...); void **parameters; };
template <class... A, size_t... I> inline void call(const Call<A...> &work, std::index_sequence<I...>) {
    work.kernel(*(std::remove_const_t<std::remove_reference_t<A>> *)work.parameters[I]...);
}

/// A whole launch, block by block; a null pointer, or why it could not be computed.
template <class... A> const char *invoke(void (*kernel)(A...), const clf_launch *launch, bool threads_wait) {
    blockDim = {launch->block[0], launch->block[1], launch->block[2]};
    gridDim = {launch->grid[0], launch->grid[1], launch->grid[2]};
    unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    if (threads > CLF_THREADS) return "it has more than 1024 threads in a block";
    if (launch->shared > sizeof clf_shared) return "it asks for more shared memory than there is";
    Call<A...> work{kernel, launch->parameters};
    argument = &work;
    body = [](void *at) { call(*(Call<A...> *)at, std::index_sequence_for<A...>()); };
    failure = nullptr;
    shared_bytes = launch->shared;
    lanes = (Lane *)launch->states;
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
                memset(clf_shared, 0xff, launch->shared); // Not a number: what nobody wrote shows in the result.
                if (!(threads_wait ? run_block(launch->stacks, threads) : run_loop())) return failure;
            }
    return nullptr;
}

} // namespace clf
