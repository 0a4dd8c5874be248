// A persistent pool. A job is open while its caller works on it; workers that wake in time join, late ones find it
// closed, so a call never waits for a thread that the system has not scheduled yet.
#include "threads/parallel.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace splatseg {
namespace {

constexpr int kSpins = 2000;  // about 50 us: the gap between two stages of one call

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Pool {
public:
    void run(int64_t items, int threads, Work work, void* context) {
        std::unique_lock<std::mutex> lock(mutex_);
        grow(threads - 1);
        work_ = work;
        context_ = context;
        items_ = items;
        next_.store(0, std::memory_order_relaxed);
        joined_ = 0;
        open_ = threads - 1;  // or all there are
        jobs_.fetch_add(1, std::memory_order_release);
        lock.unlock();
        wake_.notify_all();

        drain(0);

        lock.lock();
        open_ = 0;
        idle_.wait(lock, [this] { return inside_ == 0; });
        if (const std::exception_ptr thrown = std::exchange(thrown_, nullptr)) std::rethrow_exception(thrown);
    }

private:
    void grow(int count) {
        try {
            while (static_cast<int>(workers_.size()) < count) workers_.emplace_back([this] { serve(); });
        } catch (const std::system_error&) {  // the system has no more threads; those that are there do the work
        }
    }

    // Throws nothing: beyond the function of a thread an exception would end the process, and beyond `run` what the
    // other workers work on would be gone.
    void drain(int worker) noexcept {
        try {
            for (;;) {
                const int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
                if (item >= items_) return;
                work_(context_, item, worker);
            }
        } catch (...) {
            next_.store(items_, std::memory_order_relaxed);
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!thrown_) thrown_ = std::current_exception();
        }
    }

    void serve() {
        uint64_t seen = 0;
        for (;;) {
            for (int spin = 0; spin < kSpins && jobs_.load(std::memory_order_acquire) == seen; ++spin) relax();
            std::unique_lock<std::mutex> lock(mutex_);
            wake_.wait(lock, [&] { return jobs_.load(std::memory_order_relaxed) != seen; });
            seen = jobs_.load(std::memory_order_relaxed);
            if (open_ == 0) continue;
            --open_;
            const int worker = ++joined_;
            ++inside_;
            lock.unlock();
            drain(worker);
            lock.lock();
            if (--inside_ == 0) idle_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    std::vector<std::thread> workers_;
    std::atomic<uint64_t> jobs_{0};
    std::atomic<int64_t> next_{0};
    Work work_ = nullptr;
    void* context_ = nullptr;
    int64_t items_ = 0;
    int open_ = 0;    // workers that may still join
    int joined_ = 0;  // workers that have
    int inside_ = 0;  // workers at work
    std::exception_ptr thrown_;
};

constexpr int kMaxMutexes = 8;
ForkSafeMutex* fork_mutexes[kMaxMutexes];
std::atomic<int> fork_mutex_count{0};

ForkSafeMutex& busy() {
    static ForkSafeMutex* mutex = new ForkSafeMutex;
    return *mutex;
}

// Never destroyed: its threads sleep inside it until the process ends.
Pool* shared_pool = nullptr;

template <class F>
void for_each_fork_mutex(F&& visit) {
    const int count = fork_mutex_count.load();
    for (int i = 0; i < count && i < kMaxMutexes; ++i) visit(*fork_mutexes[i]);
}

// The forking thread holds every lock across fork(), so what they guard is whole in the child.
void before_fork() {
    for_each_fork_mutex([](ForkSafeMutex& mutex) { mutex.lock(); });
}

void after_fork_in_parent() {
    for_each_fork_mutex([](ForkSafeMutex& mutex) { mutex.unlock(); });
}

void after_fork_in_child() {
    shared_pool = nullptr;  // its threads exist in the parent only
    after_fork_in_parent();
}

void watch_forks() {
#if !defined(_WIN32)
    static const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    (void)registered;
#endif
}

}  // namespace

ForkSafeMutex::ForkSafeMutex() {
    const int place = fork_mutex_count.fetch_add(1);
    if (place < kMaxMutexes) fork_mutexes[place] = this;
    watch_forks();
}

void ForkSafeMutex::lock() {
    while (!try_lock()) std::this_thread::yield();
}

void parallel_run(int64_t items, int threads, Work work, void* context) {
    if (threads > items) threads = static_cast<int>(items);
    if (threads <= 1 || !busy().try_lock()) {
        for (int64_t item = 0; item < items; ++item) work(context, item, 0);
        return;
    }
    const std::lock_guard<ForkSafeMutex> lock(busy(), std::adopt_lock);
    if (!shared_pool) shared_pool = new Pool;
    shared_pool->run(items, threads, work, context);
}

}  // namespace splatseg
