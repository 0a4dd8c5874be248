// Our own threads. OpenMP is not used: a second OpenMP runtime beside torch's in one process crashes on some platforms.
//
// `parallel_for(items, threads, work)` calls work(item, worker) once for every item in [0, items), items handed out
// in ascending order to whichever of at most `threads` workers is free; worker is in [0, threads). A call made while
// another Python thread is inside one runs on its own thread alone, so calls never wait for each other.
// If work throws, no more items are handed out, and what was thrown first is thrown by the call, once all are done.
// After fork() the child has no threads but the caller; the pool notices and starts anew.
#pragma once

#include <atomic>
#include <cstdint>

namespace splatseg {

using Work = void (*)(void* context, int64_t item, int worker);

void parallel_run(int64_t items, int threads, Work work, void* context);

// A lock that is free in the child of a fork, with what it guards in order: fork() waits for it (see parallel.cpp).
class ForkSafeMutex {
public:
    ForkSafeMutex();
    void lock();
    void unlock() { held_.store(false, std::memory_order_release); }
    bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }

private:
    std::atomic<bool> held_{false};
};

namespace {  // internal linkage: every SIMD level must keep its own copy of what it inlines

template <class F>
void parallel_for(int64_t items, int threads, const F& work) {
    parallel_run(
        items, threads,
        [](void* context, int64_t item, int worker) { (*static_cast<const F*>(context))(item, worker); },
        const_cast<void*>(static_cast<const void*>(&work)));
}

// Calls work(begin, end, worker) for ranges of `at_once` items, the last one shorter, that make up [0, items).
template <class F>
void parallel_ranges(int64_t items, int64_t at_once, int threads, const F& work) {
    parallel_for((items + at_once - 1) / at_once, threads, [&](int64_t range, int worker) {
        const int64_t begin = range * at_once, end = begin + at_once < items ? begin + at_once : items;
        work(begin, end, worker);
    });
}

}  // namespace

}  // namespace splatseg
