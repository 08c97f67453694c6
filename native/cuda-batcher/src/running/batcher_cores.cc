// A batcher takes cores of its host before it closes a batch: see CoreGate.
#include "running/batcher.h"

#include <algorithm>

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;

}  // namespace

// Under the lock: whether an engine may close a batch now. Rows that come while it waits for cores are in that batch.
// An engine that is kept free waits for none; `startAtMs` says until when it is.
bool Batcher::takeCores(size_t engine, double& startAtMs) {
  if (cores_ == nullptr) return true;
  const double nowMs = clock_();
  const double wantedAtMs = scheduler_.wantedAtMs(nowMs, running_.yielding());
  const bool rows = wantedAtMs <= nowMs;
  if (!rows) coresWantedAtMs_[engine] = kNoDeadline;
  if (!rows && !recheck_.waits()) {
    startAtMs = wantedAtMs;
    leaveCores(engine);
    return false;
  }
  const bool waited = cores_->waits(engine);
  const bool taken = cores_->take(engine, {nowMs, scheduler_.latestStartMs(nowMs), scheduler_.nextRunMs(), !rows});
  if (waited && taken) {
    counters_.coreWaits = cores_->waits();
    counters_.coreWaitNs = cores_->waitedMs() * kNsPerMs;
  }
  if (rows) noteTurn(engine, taken, nowMs);
  if (!taken) cores_->tell(pendingCoreMs());
  return taken;
}

// Under the lock: tells the scheduler how long an engine that has rows was without cores, whichever of them waited.
void Batcher::noteTurn(size_t engine, bool taken, double nowMs) {
  double& sinceMs = coresWantedAtMs_[engine];
  sinceMs = std::min(sinceMs, nowMs);
  if (!taken) return;
  scheduler_.gotCores(nowMs - sinceMs);
  sinceMs = kNoDeadline;
}

// Under the lock: what is waited for has changed, by who came, who is late or the time.
void Batcher::hurryCores() {
  const double nowMs = clock_();
  if (!coresWaitedFor() || !scheduler_.wants(nowMs, running_.yielding())) return;
  cores_->hurry(scheduler_.latestStartMs(nowMs), scheduler_.nextRunMs());
}

// Under the lock, which is given up meanwhile. Answers whether it was this engine that had to wait.
bool Batcher::awaitCores(std::unique_lock<std::mutex>& lock, size_t engine) {
  if (cores_ == nullptr || !cores_->waits(engine)) return false;
  const bool unseen = unwatched();
  const uint32_t seen = cores_->seen();
  lock.unlock();
  if (unseen) late_.notify_one();
  cores_->await(seen);
  lock.lock();
  return true;
}

void Batcher::leaveCores(size_t engine) {
  if (cores_ == nullptr) return;
  cores_->leave(engine, clock_());
  if (scheduler_.queue().empty() && running_.count() == 0) cores_->tell(0);
}

void Batcher::setWeight(double weight) {
  if (cores_ != nullptr) cores_->setWeight(weight);
}

// Under the lock: core milliseconds of all that is queued and running, as expected.
double Batcher::pendingCoreMs() const {
  return cores_->cores() * (running_.leftMs(clock_()) + scheduler_.queuedMs(uncutRows()));
}

}  // namespace cb
