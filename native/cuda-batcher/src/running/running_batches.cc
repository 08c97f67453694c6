#include "running/running_batches.h"

#include <algorithm>
#include <cmath>

namespace cb {

namespace {

// A run may take so many times what is expected of it where a request states no deadline, and this at the least.
constexpr double kOverrunFactor = 20;
constexpr double kOverrunMinMs = 10'000;
// A run of which nothing is known.
constexpr double kUnknownRunMaxMs = 60'000;
// How long after the last deadline of its requests a run goes on, in times what is expected of it and at the least: an
// answer a little late is still an answer.
constexpr double kLateFactor = 2;
constexpr double kLateMinMs = 250;

double endByMs(const std::vector<Request*>& members, double nowMs, double expectedMs) {
  const double unboundedMs =
      nowMs + (expectedMs > 0 ? std::max(kOverrunMinMs, kOverrunFactor * expectedMs) : kUnknownRunMaxMs);
  const double graceMs = std::max(kLateMinMs, kLateFactor * expectedMs);
  double endMs = nowMs;
  for (const Request* member : members) {
    endMs = std::max(endMs, member->deadlineMs < kNoDeadline ? member->deadlineMs + graceMs : unboundedMs);
  }
  return endMs;
}

int32_t rowsOf(const std::vector<Request*>& members) {
  int32_t rows = 0;
  for (const Request* member : members) rows += member->rows;
  return rows;
}

}  // namespace

void RunningBatches::begin(size_t engine, const std::vector<Request*>& members, double nowMs, double expectedMs) {
  const int32_t others = count();
  const double untilMs = nowMs + expectedMs;
  const double endMs = endByMs(members, nowMs, expectedMs);
  batches_[engine] = {rowsOf(members), others, nowMs, untilMs, endMs, false, members.front()->yields};
}

void RunningBatches::restart(size_t engine, const std::vector<Request*>& members, double nowMs) {
  Batch& batch = batches_[engine];
  batch.takenMs = nowMs;
  batch.untilMs = nowMs;
  batch.endByMs = endByMs(members, nowMs, 0);
  batch.asked = false;
}

std::vector<size_t> RunningBatches::takeOverdue(double nowMs) {
  std::vector<size_t> overdue;
  for (size_t engine = 0; engine < batches_.size(); engine++) {
    Batch& batch = batches_[engine];
    if (batch.rows == 0 || batch.asked || nowMs < batch.endByMs) continue;
    batch.asked = true;
    overdue.push_back(engine);
  }
  return overdue;
}

double RunningBatches::unresponsiveMs(double nowMs) const {
  double longestMs = 0;
  for (const Batch& batch : batches_) {
    if (batch.rows > 0 && batch.asked) longestMs = std::max(longestMs, nowMs - batch.endByMs);
  }
  return longestMs;
}

int32_t RunningBatches::count() const {
  return static_cast<int32_t>(
      std::count_if(batches_.begin(), batches_.end(), [](const Batch& batch) { return batch.rows > 0; }));
}

int32_t RunningBatches::yielding() const {
  return static_cast<int32_t>(std::count_if(batches_.begin(), batches_.end(),
                                            [](const Batch& batch) { return batch.rows > 0 && batch.yields; }));
}

int64_t RunningBatches::rows() const {
  int64_t rows = 0;
  for (const Batch& batch : batches_) rows += batch.rows;
  return rows;
}

double RunningBatches::leftMs(const Batch& batch, double nowMs) {
  return batch.rows == 0 ? 0 : std::abs(batch.untilMs - nowMs);
}

double RunningBatches::freeAtMs(double nowMs) const {
  double leastMs = kNoDeadline;
  for (const Batch& batch : batches_) leastMs = std::min(leastMs, leftMs(batch, nowMs));
  return nowMs + leastMs;
}

double RunningBatches::leftMs(double nowMs) const {
  double sumMs = 0;
  for (const Batch& batch : batches_) sumMs += leftMs(batch, nowMs);
  return sumMs;
}

}  // namespace cb
