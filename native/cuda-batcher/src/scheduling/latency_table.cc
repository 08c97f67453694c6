#include "scheduling/latency_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cb {

namespace {
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kWeight = 0.2;         // a change shows after about five batches
// A single preempted run counts as no more than this many times the mean: with the weight above it moves the mean by a
// tenth, too little to make a size look too large to be worth forming.
constexpr double kOutlier = 1.5;
constexpr uint64_t kForgetAfter = 256;  // batches after which a size not seen again is no longer taken at its word
// Of measured / expected, the share planned for. One run above lifts the factor by 5 %, a hundred below take 10 % off.
constexpr double kTailShare = 0.98;
constexpr double kTailStep = 0.05;
constexpr double kTailMax = 2;          // beyond it a plan would give up more rows than it saves from being late
constexpr double kSlowdownMax = 4;
constexpr double kLeastMs = 1e-6;
}  // namespace

LatencyTable::LatencyTable(int32_t maxBatch, int32_t engines, const std::vector<double>& seedMs)
    : entries_(static_cast<size_t>(maxBatch) + 1, Entry{kUnknown, kUnknown, 0}),
      meanMs_(static_cast<size_t>(maxBatch) + 1, 0.0),
      slowdown_(static_cast<size_t>(engines), 1.0),
      tail_(kTailShare, kTailStep, 1, kTailMax) {
  for (size_t rows = 1; rows < entries_.size() && rows <= seedMs.size(); rows++) {
    entries_[rows].seedMs = seedMs[rows - 1];
  }
  rebuild();
}

void LatencyTable::observe(int32_t rows, int32_t running, double latencyMs) {
  Entry& entry = entries_[static_cast<size_t>(rows)];
  double& slowdown = slowdown_[static_cast<size_t>(running)];
  const double expectedMs = meanMs_[static_cast<size_t>(rows)] * slowdown;
  const double cappedMs = expectedMs > 0 ? std::min(latencyMs, kOutlier * expectedMs) : latencyMs;
  const double takenMs = std::max(cappedMs / slowdown, kLeastMs);
  if (expectedMs > 0) {
    tail_.observe(latencyMs / expectedMs);
    if (running > 0) slowdown = std::clamp(slowdown * (1 + kWeight / 4 * (cappedMs / expectedMs - 1)), 1.0, kSlowdownMax);
  }
  batches_++;
  if (std::isnan(entry.measuredMs)) {
    entry.measuredMs = takenMs;
  } else {
    entry.measuredMs += kWeight * (takenMs - entry.measuredMs);
  }
  entry.measuredAt = batches_;
  if (entry.seedMs > 0) drift_ += kWeight * (takenMs / entry.seedMs - drift_);
  rebuild();
}

void LatencyTable::forget() {
  for (Entry& entry : entries_) entry.measuredMs = kUnknown;
  std::fill(slowdown_.begin(), slowdown_.end(), 1.0);
  std::fill(meanMs_.begin(), meanMs_.end(), 0.0);
  tail_ = QuantileTrack(kTailShare, kTailStep, 1, kTailMax);
  drift_ = 1;
  rebuild();
}

double LatencyTable::knownMs(const Entry& entry) const {
  if (!std::isnan(entry.measuredMs) && (fresh(entry) || std::isnan(entry.seedMs))) return entry.measuredMs;
  return entry.seedMs * drift_;
}

bool LatencyTable::fresh(const Entry& entry) const { return batches_ - entry.measuredAt <= kForgetAfter; }

// Straight lines between known sizes; constant below the first, proportional above the last (both err on the slow
// side); and never falling, because a plan searches for the largest batch that still fits.
void LatencyTable::rebuild() {
  size_t lastRows = 0;
  double lastMs = 0;
  for (size_t rows = 1; rows < entries_.size(); rows++) {
    double ms = knownMs(entries_[rows]);
    if (std::isnan(ms)) continue;
    // An old measurement may be an outlier: it no longer says that a size is worse per row than a smaller one,
    // so that the size is tried again.
    if (!fresh(entries_[rows]) && lastRows > 0) {
      ms = std::min(ms, lastMs * static_cast<double>(rows) / static_cast<double>(lastRows));
    }
    for (size_t between = lastRows + 1; between < rows; between++) {
      const double share = static_cast<double>(between - lastRows) / static_cast<double>(rows - lastRows);
      meanMs_[between] = lastRows == 0 ? ms : lastMs + share * (ms - lastMs);
    }
    meanMs_[rows] = ms;
    lastRows = rows;
    lastMs = ms;
  }
  if (lastRows == 0) return;
  for (size_t rows = lastRows + 1; rows < entries_.size(); rows++) {
    meanMs_[rows] = lastMs * static_cast<double>(rows) / static_cast<double>(lastRows);
  }
  for (size_t rows = 1; rows < meanMs_.size(); rows++) meanMs_[rows] = std::max(meanMs_[rows], meanMs_[rows - 1]);
}

}  // namespace cb
