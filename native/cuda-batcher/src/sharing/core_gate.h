// The core gate: shares the cores of a host out among the batchers of all processes of an executor, so that together they
// run no more threads than the host has. Its state is in a mapped file; it is guarded by a mutex that a dead process
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
// How long the gate's mutex is waited for by who wants cores; then it runs without, once: what holds the mutex stands still.
constexpr double kCoreLockMaxMs = 250;
// By who gives cores back: longer than an engine process may stand still before its executor ends it.
constexpr double kCoreReleaseMaxMs = 15'000;
// A run that goes on for longer keeps no cores from others that wait; the system divides the cores between them.
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
    int32_t lent;  // of those, runs that others no longer wait for
    std::atomic<State> state;
    std::atomic<uint32_t> word;  // waited on; changes with every grant and every call to look again
    std::atomic<bool> idleWork;
    std::atomic<double> latestStartMs;
    std::atomic<double> weight;
    std::atomic<double> pendingMs;  // core milliseconds of all that it has queued and running, as it last told
    double sinceMs;
    double expectedMs;
    double used;
    double takenMs;  // when its last run began
    double lentMs;  // runs that began before are those lent
    double untilMs;  // when its first run ends, as expected
  };

  // Makes the gate of a host with so many cores, for `open`. Answers a sentence, empty on success.
  static std::string make(const std::string& path, int32_t cores);
  // A process maps a gate once. Null: `error` says why not.
  static std::shared_ptr<CoreGate> open(const std::string& path, std::string& error);

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

  explicit CoreGate(std::unique_ptr<MappedFile> file)
      : file_(std::move(file)), segment_(static_cast<Segment*>(file_->data())) {}
  bool lock(double maxMs);
  void unlock(const Woken& woken);
  void repair();
  void grant(double nowMs, const Slot* own, Woken& woken);
  void lend(double nowMs, Woken& woken);
  void enter(Slot& slot);
  void leave(Slot& slot);
  static bool isActive(const Slot& slot);
  static void wake(Slot& slot);

  const std::unique_ptr<MappedFile> file_;
  Segment* const segment_;
};

}  // namespace cb
