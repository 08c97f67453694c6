// What a batcher tells of itself.
#include "running/batcher.h"

#include <algorithm>

namespace cb {

double Batcher::soonestAtMs(double nowMs, int32_t rows) const {
  return scheduler_.answeredAtMs(running_.freeAtMs(nowMs), rows);
}

double Batcher::soonestMs(int32_t rows) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const double nowMs = clock_();
  return soonestAtMs(nowMs, rows) - nowMs;
}

int64_t Batcher::queuedRows() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return scheduler_.queue().rows() + uncutRows();
}

int64_t Batcher::runningRows() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return running_.rows();
}

double Batcher::drainTimeMs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  const double nowMs = clock_();
  const double engineMs = running_.leftMs(nowMs) + scheduler_.queuedMs(uncutRows());
  const double aloneMs = engineMs / options_.instances;
  if (cores_ == nullptr) return aloneMs;
  const double pendingMs = engineMs * cores_->cores();
  cores_->tell(pendingMs);
  return std::max(aloneMs, cores_->drainMs(pendingMs));
}

double Batcher::unresponsiveMs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return running_.unresponsiveMs(clock_());
}

std::string Batcher::unbatchedReason() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return misfit_.empty() ? model_->unbatchedReason() : misfit_;
}

Counters Batcher::counters() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return counters_;
}

std::vector<double> Batcher::latencyMs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return scheduler_.latencyMs();
}

}  // namespace cb
