// What the engine threads of one batcher ask of the core gate. At most one of them waits; the others follow when it has
// taken its batch. All but `await` and what is atomic is guarded by the batcher's lock.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "sharing/core_gate.h"

namespace cb {

// A thread that waits looks this often whether it was woken in vain or not at all.
constexpr double kCoreLookMs = 100;
// Whoever has waited so long runs without cores being free: somebody holds them for good.
constexpr double kCoreWaitMaxMs = 60'000;

struct CoreClaimOptions {
  int32_t cores = 1;   // that one run takes; more than the host has count as all of them
  size_t engines = 1;  // engine threads
  double weight = 1;
  bool idleWork = false;  // all its runs leave the cores to others, such as profiling
};

class CoreClaim {
 public:
  // What a thread wants cores for.
  struct Wish {
    double nowMs;
    double latestStartMs;
    double expectedMs;
    bool idleWork;
  };

  // Null: `error` says why not.
  static std::unique_ptr<CoreClaim> open(std::shared_ptr<CoreGate> gate, const CoreClaimOptions& options, std::string& error);
  // No thread waits or holds cores any more.
  ~CoreClaim();
  CoreClaim(const CoreClaim&) = delete;
  CoreClaim& operator=(const CoreClaim&) = delete;

  // Whether some thread waits.
  bool waiting() const { return waiter_ != kNobody; }
  bool waits(size_t engine) const { return waiter_ == engine; }
  // Whether the thread holds cores; not where it runs without, because the gate could not be locked.
  bool holds(size_t engine) const { return takenMs_[engine] != kNone; }
  // Takes the cores of a run, after those of the last one are given back; false: the thread waits for them, or another one
  // does. The last run of an `engine` counts with what it used.
  bool take(size_t engine, const Wish& wish);
  // The thread holds no cores, nor waits for any.
  void leave(size_t engine, double nowMs);
  // The batch that is waited for has that latest start and takes so long now.
  void hurry(double latestStartMs, double expectedMs);

  // Sleeps until cores were given, `lookAgain` was called after `seen` was read, or kCoreLookMs are over. Without a lock.
  void await(uint32_t seen);
  uint32_t seen() const { return slot_.word.load(std::memory_order_acquire); }
  void lookAgain();

  // Any thread. Share of the host's cores in times of others', when there are not enough.
  void setWeight(double weight) { slot_.weight.store(weight, std::memory_order_relaxed); }
  // Tells others how much work waits and runs here, in core milliseconds.
  void tell(double pendingMs) const {
    if (!idleWork_) slot_.pendingMs.store(pendingMs, std::memory_order_relaxed);
  }
  // When all of `pendingMs` is done, as expected, where everybody who has work is served by weight.
  double drainMs(double pendingMs) const;

  int32_t cores() const { return slot_.cores; }
  uint64_t waits() const { return waits_; }
  double waitedMs() const { return waitedMs_; }

 private:
  static constexpr size_t kNobody = static_cast<size_t>(-1);
  static constexpr double kNone = -1;
  CoreClaim(std::shared_ptr<CoreGate> gate, CoreGate::Slot& slot, const CoreClaimOptions& options);
  bool takeUp(size_t engine, const Wish& wish);
  void charge(size_t engine, double nowMs);
  void settle();
  void giveBack(double takenMs);
  void hold(size_t engine);
  void expectEnds();

  const std::shared_ptr<CoreGate> gate_;
  CoreGate::Slot& slot_;
  const bool idleWork_;
  std::vector<double> takenMs_;  // index = engine thread; kNone: it holds no cores
  std::vector<double> untilMs_;  // of those that hold some: when they give them back, as expected
  size_t waiter_ = kNobody;
  double waitsSinceMs_ = 0;
  uint64_t waits_ = 0;
  double waitedMs_ = 0;
};

}  // namespace cb
