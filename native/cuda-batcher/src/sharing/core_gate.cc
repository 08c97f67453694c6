#include "sharing/core_gate.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "scheduling/core_shares.h"

namespace cb {

namespace {

// Looks at a locked mutex that only let others run meanwhile; between further ones is a pause.
constexpr int kYields = 100;
constexpr std::chrono::microseconds kPause{50};
double steadyNowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Tells a gate of this layout from any other file.
constexpr uint64_t kMagic = 0x43423031'00000000 + sizeof(CoreGate::Slot);

// Gates of this process by path, with what guards them.
struct Opened {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<CoreGate>> gates;
};

Opened& opened() {
  static Opened all;
  return all;
}

}  // namespace

std::shared_ptr<CoreGate> CoreGate::make(int32_t cores, std::string& error) {
  const int memory = ::memfd_create("infaas-cores", MFD_CLOEXEC);
  if (memory < 0) {
    error = std::string("the core gate can't be made: ") + std::strerror(errno);
    return nullptr;
  }
  const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory);
  std::unique_ptr<MappedFile> file = MappedFile::open(path, sizeof(Segment), "the core gate", error);
  std::shared_ptr<CoreGate> gate(new CoreGate(path, memory, std::move(file)));
  if (gate->segment_ == nullptr) return nullptr;
  auto* segment = new (gate->segment_) Segment;  // the memory is new: all zeros
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int failed = pthread_mutex_init(&segment->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (failed != 0) {
    error = std::string("the core gate can't be made: ") + std::strerror(failed);
    return nullptr;
  }
  segment->cores = cores;
  segment->free.store(cores);
  segment->magic.store(kMagic, std::memory_order_release);
  std::lock_guard<std::mutex> lock(opened().mutex);
  opened().gates[path] = gate;
  return gate;
}

CoreGate::~CoreGate() {
  if (memory_ >= 0) ::close(memory_);
}

std::shared_ptr<CoreGate> CoreGate::open(const std::string& path, std::string& error) {
  std::lock_guard<std::mutex> lock(opened().mutex);
  std::weak_ptr<CoreGate>& known = opened().gates[path];
  if (std::shared_ptr<CoreGate> found = known.lock(); found != nullptr) return found;
  std::unique_ptr<MappedFile> file = MappedFile::open(path, sizeof(Segment), "the core gate", error);
  if (file == nullptr) return nullptr;
  std::shared_ptr<CoreGate> gate(new CoreGate(path, -1, std::move(file)));
  if (gate->segment_->magic.load(std::memory_order_acquire) == kMagic) {
    known = gate;
    return gate;
  }
  error = "the file " + path + " is no core gate of this version";
  return nullptr;
}

bool CoreGate::forget(int32_t pid, double nowMs) {
  if (!lock(kCoreForgetMaxMs)) return false;
  const size_t end = std::min<size_t>(segment_->slotsEnd, kCoreClaimsMax);
  for (size_t i = 0; i < end; i++) {
    Slot& slot = segment_->slots[i];
    if (slot.pid != pid) continue;
    slot.pid = 0;
    slot.state = State::kNone;
    slot.running = 0;
    slot.lent = 0;
    slot.pendingMs = 0;
  }
  repair();
  Woken woken;
  grant(nowMs, nullptr, woken);
  unlock(woken);
  return true;
}

bool CoreGate::lock() {
  const int outcome = pthread_mutex_trylock(&segment_->mutex);
  if (outcome != EBUSY) return locked(outcome);
  if (steadyNowMs() < retryAtMs_.load(std::memory_order_relaxed)) return false;
  if (lock(kCoreLockMaxMs)) return true;
  retryAtMs_.store(steadyNowMs() + kCoreRetryMs, std::memory_order_relaxed);
  return false;
}

// What the mutex guards takes a microsecond or so; whoever holds it longer has no core at the moment.
bool CoreGate::lock(double maxMs) {
  const double untilMs = steadyNowMs() + maxMs;
  int outcome = pthread_mutex_trylock(&segment_->mutex);
  for (int tries = 0; outcome == EBUSY && steadyNowMs() < untilMs; tries++) {
    if (tries < kYields) std::this_thread::yield();
    else std::this_thread::sleep_for(kPause);
    outcome = pthread_mutex_trylock(&segment_->mutex);
  }
  return locked(outcome);
}

bool CoreGate::locked(int outcome) {
  if (outcome == EOWNERDEAD) {
    outcome = pthread_mutex_consistent(&segment_->mutex);
    repair();
  }
  return outcome == 0;
}

void CoreGate::unlock(const Woken& woken) {
  pthread_mutex_unlock(&segment_->mutex);
  for (size_t i = 0; i < woken.count; i++) wake(*woken.slots[i]);
}

// Makes all that is derived from the slots anew. What a process that died was writing is one of its own slots, which
// `forget` empties, or derived.
void CoreGate::repair() {
  segment_->slotsEnd = std::min<uint32_t>(segment_->slotsEnd.load(), kCoreClaimsMax);
  segment_->activeCount = 0;
  int32_t free = segment_->cores;
  uint32_t waiting = 0;
  for (uint32_t i = 0; i < segment_->slotsEnd; i++) {
    const Slot& slot = segment_->slots[i];
    if (slot.pid == 0 || !isActive(slot)) continue;
    free -= slot.cores * keeps(slot);
    waiting += slot.state == State::kWaiting ? 1 : 0;
    segment_->active[segment_->activeCount++] = static_cast<uint16_t>(i);
  }
  segment_->free = free;
  segment_->waiting = waiting;
}

bool CoreGate::isActive(const Slot& slot) {
  return slot.running.load(std::memory_order_relaxed) > 0 || slot.state.load(std::memory_order_relaxed) != State::kNone;
}

// Runs, begun or granted, whose cores are kept from others.
int32_t CoreGate::keeps(const Slot& slot) {
  return slot.running + (slot.state == State::kGranted ? 1 : 0) - slot.lent;
}

// Adds a slot that was neither waiting nor holding. Whoever comes back has no claim to what it did not want meanwhile.
void CoreGate::enter(Slot& slot) {
  slot.used = std::max(slot.used, segment_->usedLeast - shareSlack(segment_->cores));
  if (segment_->activeCount < kCoreClaimsMax) {
    segment_->active[segment_->activeCount++] = static_cast<uint16_t>(&slot - segment_->slots);
  }
}

void CoreGate::leave(Slot& slot) {
  const uint16_t index = static_cast<uint16_t>(&slot - segment_->slots);
  uint16_t* end = segment_->active + std::min<size_t>(segment_->activeCount, kCoreClaimsMax);
  uint16_t* at = std::find(segment_->active, end, index);
  if (at == end) return;
  *at = end[-1];
  segment_->activeCount--;
}

// Gives free cores to those who wait, in order. `own` is not woken: its thread looks by itself.
void CoreGate::grant(double nowMs, const Slot* own, Woken& woken) {
  thread_local std::vector<CoreWaiter> waiters;
  thread_local std::vector<Slot*> waiting;
  thread_local std::vector<CoresInUse> inUse;
  while (segment_->waiting > 0 && segment_->free > 0 && woken.count < Woken::kMax) {
    waiters.clear();
    waiting.clear();
    inUse.clear();
    double usedLeast = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < std::min<size_t>(segment_->activeCount, kCoreClaimsMax); i++) {
      Slot& slot = segment_->slots[segment_->active[i] % kCoreClaimsMax];
      const int32_t runs = keeps(slot);
      const int32_t granted = slot.state == State::kGranted ? std::min(runs, 1) : 0;
      if (granted > 0) inUse.push_back({slot.cores, slot.takenMs + slot.expectedMs});
      if (runs > granted) inUse.push_back({slot.cores * (runs - granted), slot.untilMs});
      if (slot.state != State::kWaiting) continue;
      const bool idleWork = slot.idleWork;
      waiters.push_back({slot.cores, idleWork, slot.latestStartMs, slot.sinceMs, slot.expectedMs, slot.used});
      waiting.push_back(&slot);
      if (!idleWork) usedLeast = std::min(usedLeast, slot.used);
    }
    const size_t next = nextForCores(nowMs, waiters.data(), waiters.size(), inUse.data(), inUse.size(), segment_->cores,
                                     segment_->free);
    if (next == kNoWaiter) return;
    Slot& slot = *waiting[next];
    slot.state = State::kGranted;
    slot.takenMs = nowMs;
    segment_->free -= slot.cores;
    segment_->waiting--;
    if (usedLeast < std::numeric_limits<double>::infinity()) segment_->usedLeast = std::max(segment_->usedLeast, usedLeast);
    slot.word++;
    if (&slot != own) woken.slots[woken.count++] = &slot;
  }
}

// Gives others the cores of runs that have gone on for too long, and those whose thread has not come for them.
void CoreGate::lend(double nowMs, Woken& woken) {
  for (size_t i = 0; i < std::min<size_t>(segment_->activeCount, kCoreClaimsMax); i++) {
    Slot& slot = segment_->slots[segment_->active[i] % kCoreClaimsMax];
    const int32_t runs = keeps(slot);
    if (runs <= 0 || nowMs - slot.takenMs < kCoreHoldMaxMs) continue;
    slot.lent += runs;
    slot.lentMs = nowMs;
    segment_->free += slot.cores * runs;
  }
  grant(nowMs, nullptr, woken);
}

void CoreGate::wake(Slot& slot) {
  static_assert(sizeof(slot.word) == sizeof(uint32_t), "a futex is 32 bits");
  syscall(SYS_futex, &slot.word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace cb
