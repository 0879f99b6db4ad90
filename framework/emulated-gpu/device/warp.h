// What the lanes of a warp hand one another: shuffles, votes, the election of one.
#pragma once

namespace clf {

inline unsigned lane() { return unsigned(current - lanes) % 32; }

/// Hands `value` to the other lanes of the warp that are at the same site; who they are is then in `group`.
template <class T> inline void exchange(int site, const T &value) {
    static_assert(sizeof(T) <= MOST_EXCHANGED, "");
    if (!current) wait(AT_WARP);
    memcpy(current->given, &value, sizeof(T));
    current->bytes = sizeof(T);
    current->site = site;
    wait(AT_WARP);
}

/// As `exchange`, for an instruction that takes all lanes of a warp.
template <class T> inline void exchange_all(int site, const T &value) {
    exchange(site, value);
    if (current->group != 0xffffffffu) fail("some lanes of a warp are missing at an instruction that takes all of them");
}

/// What `lane` gave in the exchange before.
template <class T> inline T of(unsigned lane) {
    T value;
    memcpy(&value, (lanes + (current - lanes) / 32 * 32)[lane].published, sizeof(T));
    return value;
}
inline bool has(unsigned lane) { return current->group >> lane & 1; }

/// The value of lane `from`, where that is in the same part of `width` lanes, else the own.
template <class T> inline T shuffled(int site, T value, unsigned from, unsigned width) {
    unsigned self = lane();
    bool is_inside = from / width == self / width && from < 32;
    exchange(site, value);
    if (!is_inside) return value;
    if (!has(from)) fail("a shuffle reads a lane that is not there");
    return of<T>(from);
}

/// The lanes whose `value` is true.
inline unsigned ballot(int site, bool value) {
    exchange(site, value);
    unsigned out = 0;
    for (unsigned i = 0; i < 32; i++)
        if (has(i) && of<bool>(i)) out |= 1u << i;
    return out;
}

} // namespace clf

// The site is the place in the source: lanes that are behind are let on until they come to where others wait.
#define __activemask() 0xffffffffu
#define __syncthreads() clf::wait(clf::AT_BLOCK)
#define __syncwarp() clf::exchange(__COUNTER__, 0)
#define __shfl_sync(m, v, l) clf::shuffled(__COUNTER__, v, unsigned(l) % 32, 32)
#define __shfl_xor_sync(m, v, x) clf::shuffled(__COUNTER__, v, clf::lane() ^ unsigned(x), 32)
#define __shfl_down_sync(m, v, d) clf::shuffled(__COUNTER__, v, clf::lane() + unsigned(d), 32)
#define __shfl_up_sync(m, v, d) clf::shuffled(__COUNTER__, v, clf::lane() - unsigned(d), 32)
#define __ballot_sync(m, v) clf::ballot(__COUNTER__, v)
#define __any_sync(m, v) (clf::ballot(__COUNTER__, v) != 0)
#define __all_sync(m, v) (clf::ballot(__COUNTER__, v) == clf::current->group)

/// `elect.sync`: true for the lowest lane that is there.
inline void clf_elect(int site, uint32_t &d) {
    clf::exchange(site, 0);
    d = unsigned(__builtin_ctz(clf::current->group)) == clf::lane();
}
