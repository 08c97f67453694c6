// The core gate: shares the cores of a host out among the batchers of all processes of an executor, so that together they
// run no more threads than the host has. Its state is in memory that they map; it is guarded by a mutex that a dead process
// releases, and repaired after one (decision 0043).
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "sharing/mapped_file.h"

namespace cb {

// Batchers of an executor that are open at a time.
constexpr size_t kCoreClaimsMax = 4096;
// How long a thread waits for the gate's mutex, which is held for microseconds, before it does without: a process that
// stands still holds it. Its batcher takes no requests meanwhile.
constexpr double kCoreLockMaxMs = 50;
// After that, no thread of the process waits for the mutex again for so long.
constexpr double kCoreRetryMs = 1'000;
// As kCoreLockMaxMs, for a batcher that is opened or closed.
constexpr double kCoreOpenMaxMs = 2'000;
// As kCoreLockMaxMs, for `forget`: longer than an engine process may stand still before its executor ends it.
constexpr double kCoreForgetMaxMs = 15'000;
// A run that goes on for longer, or cores given to a thread that does not come for them, are kept from nobody who waits: the
// system divides the cores between them.
constexpr double kCoreHoldMaxMs = 250;
// Size of a cache line, so that claims of different processes share none.
constexpr size_t kCacheLine = 64;

class CoreGate {
 public:
  enum class State : uint32_t { kNone, kWaiting, kGranted };
  // What one batcher holds and waits for. Guarded by the mutex but for atomics, which are read without it too.
  struct alignas(kCacheLine) Slot {
    int32_t pid;  // of its process; 0: free
    int32_t cores;  // of one run
    std::atomic<int32_t> running;  // runs that hold cores; a grant counts from when it is taken up
    int32_t lent;  // of those and of a grant, what others no longer wait for
    std::atomic<State> state;
    std::atomic<uint32_t> word;  // waited on; changes with every grant and every call to look again
    std::atomic<bool> idleWork;
    std::atomic<double> latestStartMs;
    std::atomic<double> weight;
    std::atomic<double> pendingMs;  // core milliseconds of all that it has queued and running, as it last told
    double sinceMs;
    std::atomic<double> expectedMs;  // how long the run takes that it waits for or was given cores for
    double used;
    double takenMs;  // when cores were last given to it
    double lentMs;  // what was given before is what is lent
    double untilMs;  // when the first of its runs that have begun ends, as expected
  };

  // Makes the gate of a host with so many cores. It has no file on a disk, whose writes would stop every batch now and then.
  // Null: `error` says why not.
  static std::shared_ptr<CoreGate> make(int32_t cores, std::string& error);
  // The gate that another process of the same user has made, by its path; a process maps a gate once. Null: `error` says why
  // not.
  static std::shared_ptr<CoreGate> open(const std::string& path, std::string& error);
  ~CoreGate();
  CoreGate(const CoreGate&) = delete;
  CoreGate& operator=(const CoreGate&) = delete;

  // Valid while the gate that was made is there.
  const std::string& path() const { return path_; }
  int32_t cores() const { return segment_->cores; }
  int32_t inUse() const { return segment_->cores - segment_->free.load(std::memory_order_relaxed); }

  // Batchers that wait for cores.
  uint32_t waiting() const { return segment_->waiting.load(std::memory_order_relaxed); }

  // A process has ended: what it held is free, and it waits for nothing. False: the gate could not be locked in time.
  bool forget(int32_t pid, double nowMs);

 private:
  friend class CoreClaim;
  struct Segment {
    std::atomic<uint64_t> magic;  // set last
    pthread_mutex_t mutex;
    int32_t cores;
    std::atomic<int32_t> free;
    double usedLeast;  // what the one has used that has used least, of those who want cores
    std::atomic<uint32_t> slotsEnd;  // slots behind it were never used
    std::atomic<uint32_t> waiting;
    uint32_t activeCount;
    uint16_t active[kCoreClaimsMax];  // slots that wait or hold
    Slot slots[kCoreClaimsMax];
  };
  // Who is to be woken once the mutex is released.
  struct Woken {
    static constexpr size_t kMax = 16;
    Slot* slots[kMax];
    size_t count = 0;
  };

  CoreGate(std::string path, int memory, std::unique_ptr<MappedFile> file)
      : path_(std::move(path)),
        memory_(memory),
        file_(std::move(file)),
        segment_(file_ == nullptr ? nullptr : static_cast<Segment*>(file_->data())) {}
  // Waits for kCoreLockMaxMs, and not at all for kCoreRetryMs after it has waited in vain.
  bool lock();
  bool lock(double maxMs);
  bool locked(int outcome);
  void unlock(const Woken& woken);
  void repair();
  void grant(double nowMs, const Slot* own, Woken& woken);
  void lend(double nowMs, Woken& woken);
  void enter(Slot& slot);
  void leave(Slot& slot);
  static bool isActive(const Slot& slot);
  static int32_t keeps(const Slot& slot);
  static void wake(Slot& slot);

  const std::string path_;
  const int memory_;  // descriptor; -1: made by another process
  const std::unique_ptr<MappedFile> file_;
  Segment* const segment_;
  std::atomic<double> retryAtMs_{0};
};

}  // namespace cb
