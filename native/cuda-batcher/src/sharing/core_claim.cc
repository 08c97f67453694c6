#include "sharing/core_claim.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "scheduling/core_shares.h"

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;

}  // namespace

std::unique_ptr<CoreClaim> CoreClaim::open(std::shared_ptr<CoreGate> gate, const CoreClaimOptions& options,
                                           std::string& error) {
  CoreGate::Segment& segment = *gate->segment_;
  if (!gate->lock(kCoreOpenMaxMs)) {
    error = "the core gate can't be locked";
    return nullptr;
  }
  size_t index = 0;
  while (index < segment.slotsEnd && segment.slots[index].pid != 0) index++;
  if (index == kCoreClaimsMax) {
    gate->unlock({});
    error = "the core gate has no room for another batcher, it holds " + std::to_string(kCoreClaimsMax);
    return nullptr;
  }
  CoreGate::Slot& slot = segment.slots[index];
  slot.cores = std::clamp(options.cores, 1, segment.cores);
  slot.running = 0;
  slot.lent = 0;
  slot.state = CoreGate::State::kNone;
  slot.weight = options.weight;
  slot.pendingMs = 0;
  slot.used = segment.usedLeast;
  slot.pid = getpid();
  segment.slotsEnd = std::max(segment.slotsEnd.load(), static_cast<uint32_t>(index + 1));
  gate->unlock({});
  return std::unique_ptr<CoreClaim>(new CoreClaim(std::move(gate), slot, options));
}

CoreClaim::CoreClaim(std::shared_ptr<CoreGate> gate, CoreGate::Slot& slot, const CoreClaimOptions& options)
    : gate_(std::move(gate)), slot_(slot), idleWork_(options.idleWork), takenMs_(options.engines, kNone), untilMs_(options.engines, kNone) {}

CoreClaim::~CoreClaim() {
  if (!gate_->lock(kCoreOpenMaxMs)) return;  // the place is lost until the process ends; cores are lent
  slot_.pendingMs = 0;
  slot_.pid = 0;
  gate_->unlock({});
}

bool CoreClaim::take(size_t engine, const Wish& wish) {
  if (waits(engine)) return takeUp(engine, wish);
  if (waiting()) {
    leave(engine, wish.nowMs);
    return false;
  }
  if (!gate_->lock()) return true;
  CoreGate::Segment& segment = *gate_->segment_;
  CoreGate::Woken woken;
  const bool wasActive = CoreGate::isActive(slot_);
  settle();
  charge(engine, wish.nowMs);
  if (!wasActive) gate_->enter(slot_);
  if (segment.waiting == 0 && segment.free >= slot_.cores) {
    slot_.expectedMs = wish.expectedMs;
    segment.free -= slot_.cores;
    segment.usedLeast = std::max(segment.usedLeast, slot_.used);
    slot_.takenMs = wish.nowMs;
    hold(engine);
    gate_->unlock(woken);
    return true;
  }
  slot_.idleWork = idleWork_ || wish.idleWork;
  slot_.latestStartMs = wish.latestStartMs;
  slot_.expectedMs = wish.expectedMs;
  slot_.sinceMs = wish.nowMs;
  slot_.state = CoreGate::State::kWaiting;
  segment.waiting++;
  gate_->grant(wish.nowMs, &slot_, woken);
  const bool granted = slot_.state == CoreGate::State::kGranted;
  if (granted) {
    hold(engine);
    slot_.state = CoreGate::State::kNone;
  } else {
    waiter_ = engine;
    waitsSinceMs_ = wish.nowMs;
  }
  gate_->unlock(woken);
  return granted;
}

// The waiting thread looks whether cores were given to it.
bool CoreClaim::takeUp(size_t engine, const Wish& wish) {
  const bool isGranted = slot_.state.load(std::memory_order_acquire) == CoreGate::State::kGranted;
  if (!isGranted && wish.nowMs - waitsSinceMs_ >= kCoreHoldMaxMs && gate_->lock()) {
    CoreGate::Woken woken;
    gate_->lend(wish.nowMs, woken);
    gate_->unlock(woken);
  }
  const bool tooLong = wish.nowMs - waitsSinceMs_ >= kCoreWaitMaxMs;
  if (slot_.state.load(std::memory_order_acquire) != CoreGate::State::kGranted && !tooLong) return false;
  waiter_ = kNobody;
  waits_++;
  waitedMs_ += wish.nowMs - waitsSinceMs_;
  if (!gate_->lock()) return true;
  CoreGate::Segment& segment = *gate_->segment_;
  if (slot_.state == CoreGate::State::kWaiting) {
    segment.waiting--;
    segment.free -= slot_.cores;
    slot_.takenMs = wish.nowMs;
  }
  hold(engine);
  slot_.state = CoreGate::State::kNone;
  gate_->unlock({});
  return true;
}

void CoreClaim::leave(size_t engine, double nowMs) {
  const bool wasWaiting = waits(engine);
  if (takenMs_[engine] == kNone && !wasWaiting) return;
  if (wasWaiting) waiter_ = kNobody;
  if (!gate_->lock()) return;  // the cores are lent to others, and given back by the next call
  CoreGate::Woken woken;
  settle();
  charge(engine, nowMs);
  if (!CoreGate::isActive(slot_)) gate_->leave(slot_);
  gate_->grant(nowMs, nullptr, woken);
  gate_->unlock(woken);
}

void CoreClaim::hurry(double latestStartMs, double expectedMs) {
  slot_.idleWork.store(idleWork_, std::memory_order_relaxed);
  slot_.latestStartMs.store(latestStartMs, std::memory_order_relaxed);
  slot_.expectedMs.store(expectedMs, std::memory_order_relaxed);
}

void CoreClaim::await(uint32_t seen) {
  const timespec most{static_cast<time_t>(kCoreLookMs / 1e3), static_cast<long>(kCoreLookMs * kNsPerMs) % 1'000'000'000};
  syscall(SYS_futex, &slot_.word, FUTEX_WAIT, seen, &most, nullptr, 0);
}

void CoreClaim::lookAgain() {
  slot_.word++;
  CoreGate::wake(slot_);
}

double CoreClaim::drainMs(double pendingMs) const {
  if (pendingMs <= 0) return 0;
  const CoreGate::Segment& segment = *gate_->segment_;
  const double weight = slot_.weight;
  double workMs = pendingMs;
  for (size_t i = 0; i < std::min<size_t>(segment.slotsEnd, kCoreClaimsMax); i++) {
    const CoreGate::Slot& other = segment.slots[i];
    if (&other == &slot_) continue;
    const double shareMs = pendingMs * other.weight.load(std::memory_order_relaxed) / weight;
    workMs += std::min(other.pendingMs.load(std::memory_order_relaxed), shareMs);
  }
  return workMs / segment.cores;
}

// Under the gate's mutex: the last run of `engine` is over, if there was one.
void CoreClaim::charge(size_t engine, double nowMs) {
  if (takenMs_[engine] == kNone) return;
  slot_.used += slot_.cores * (nowMs - takenMs_[engine]) / slot_.weight;
  slot_.running--;
  giveBack(takenMs_[engine]);
  takenMs_[engine] = kNone;
  expectEnds();
}

// Under the gate's mutex: no thread waits for what the slot waits for or was given.
void CoreClaim::settle() {
  const CoreGate::State state = slot_.state;
  if (waiting() || state == CoreGate::State::kNone) return;
  if (state == CoreGate::State::kGranted) giveBack(slot_.takenMs);
  else gate_->segment_->waiting--;
  slot_.state = CoreGate::State::kNone;
}

// Under the gate's mutex: cores that were given to it at `takenMs` are free, if they aren't lent.
void CoreClaim::giveBack(double takenMs) {
  if (slot_.lent > 0 && takenMs < slot_.lentMs) slot_.lent--;
  else gate_->segment_->free += slot_.cores;
}

// Under the gate's mutex: a run of `engine` begins with the cores that were last given to it.
void CoreClaim::hold(size_t engine) {
  slot_.running++;
  takenMs_[engine] = slot_.takenMs;
  untilMs_[engine] = slot_.takenMs + slot_.expectedMs;
  expectEnds();
}

// Under the gate's mutex: tells when the first of its runs ends, as expected.
void CoreClaim::expectEnds() {
  slot_.untilMs = std::numeric_limits<double>::infinity();
  for (size_t engine = 0; engine < takenMs_.size(); engine++) {
    if (takenMs_[engine] != kNone) slot_.untilMs = std::min(slot_.untilMs, untilMs_[engine]);
  }
}

}  // namespace cb
