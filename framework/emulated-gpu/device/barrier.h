// `cuda::barrier` in shared memory, and the copies of tensors (TMA) that complete on one.
#pragma once

namespace cuda {
enum thread_scope { thread_scope_system, thread_scope_device, thread_scope_block, thread_scope_thread };

/// In 8 bytes, as the hardware's: a phase ends when all have arrived and all bytes that were announced are there.
template <thread_scope S> struct barrier {
    typedef uint32_t arrival_token;
    uint16_t expected, pending;
    int32_t state; // Bit 0: phase; above: bytes that are awaited.

    uint32_t phase() const { return state & 1; }
    void check() { if (pending == 0 && state >> 1 == 0) { state ^= 1; pending = expected; } }
    void arrived(unsigned count) {
        if (count > pending) clf::fail("more arrive at a barrier than it was made for");
        pending -= count;
        check();
    }
    void await_bytes(int count) { state += count * 2; }
    arrival_token arrive(unsigned count = 1) { uint32_t token = phase(); arrived(count); return token; }
    void wait(arrival_token token) { while (phase() == token) clf::wait(clf::AT_BARRIER); }
    void wait_parity(bool parity) { while (phase() == parity) clf::wait(clf::AT_BARRIER); }
    void arrive_and_wait() { wait(arrive()); }
};
template <thread_scope S> inline void init(barrier<S> *b, unsigned expected) { *b = {(uint16_t)expected, (uint16_t)expected, 0}; }

namespace device {
template <thread_scope S> inline uint32_t barrier_arrive_tx(barrier<S> &b, unsigned count, unsigned bytes) {
    uint32_t token = b.phase();
    b.await_bytes(bytes);
    b.arrived(count);
    return token;
}
template <thread_scope S> inline uint64_t *barrier_native_handle(barrier<S> &b) { return (uint64_t *)&b; }

namespace experimental {
inline void fence_proxy_async_shared_cta() {}

/// Where element `e` of the box at `at` lies in memory, in bytes; false outside of the tensor.
inline bool find(const clf_tensor_map &map, const int *at, unsigned e, size_t &offset) {
    bool is_inside = true;
    offset = 0;
    for (int i = 0; i < map.rank; i++) {
        long index = at[i] + long(e % map.box[i]) * map.step[i];
        e /= map.box[i];
        is_inside = is_inside && index >= 0 && index < (long)map.size[i];
        offset += index * (i ? map.stride[i - 1] : map.element);
    }
    return is_inside;
}

/// Copies the box at `at` to shared memory, zeros where it is outside of the tensor.
template <int RANK, thread_scope S> inline void load(void *to, const void *tensor_map, const int (&at)[RANK], barrier<S> &b) {
    const clf_tensor_map &map = *(const clf_tensor_map *)tensor_map;
    if (map.rank != RANK) clf::fail("a tensor map of another rank than its copy");
    size_t start = (unsigned char *)to - clf_shared;
    if (start % 128) clf::fail("a tensor is copied to shared memory that is not aligned to 128 bytes");
    unsigned count = 1;
    for (int i = 0; i < RANK; i++) count *= map.box[i];
    for (unsigned e = 0; e < count; e++) {
        size_t offset, place = start + size_t(e) * map.element;
        bool is_inside = find(map, at, e, offset);
        // Chunks of 16 bytes change places by the row of 128 bytes in which they lie.
        place ^= (place >> 7 & ((1u << map.swizzle) - 1)) << 4;
        unsigned char *word = clf::shared(place, map.element);
        if (is_inside) memcpy(word, (const char *)map.base + offset, map.element);
        else memset(word, 0, map.element);
        if (map.is_tf32) *(float *)word = clf::rounded(*(float *)word, 10);
    }
    b.await_bytes(-int(count * map.element));
    b.check();
}
template <thread_scope S>
inline void cp_async_bulk_tensor_2d_global_to_shared(void *to, const void *map, int x, int y, barrier<S> &b) {
    load<2>(to, map, {x, y}, b);
}
template <thread_scope S>
inline void cp_async_bulk_tensor_3d_global_to_shared(void *to, const void *map, int x, int y, int z, barrier<S> &b) {
    load<3>(to, map, {x, y, z}, b);
}
template <thread_scope S>
inline void cp_async_bulk_tensor_4d_global_to_shared(void *to, const void *map, int x, int y, int z, int w, barrier<S> &b) {
    load<4>(to, map, {x, y, z, w}, b);
}
}}} // namespace cuda::device::experimental
