// What a batch of b rows is expected to take: seeded from a profile, corrected by what is measured.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduling/quantile_track.h"

namespace cb {

class LatencyTable {
 public:
  // `seedMs[b - 1]` is the profiled latency of b rows; NaN or an end before maxBatch means not profiled.
  LatencyTable(int32_t maxBatch, int32_t engines, const std::vector<double>& seedMs);

  // Takes one measured batch into account (exponentially weighted, per batch size) that began beside `running` others.
  void observe(int32_t rows, int32_t running, double latencyMs);

  // Back to the profile: what was measured is too old.
  void forget();

  // Expected latencies of a batch that has the host for itself, index = rows, 0..maxBatch; never falling; all 0 while
  // nothing is known.
  const std::vector<double>& meanMs() const { return meanMs_; }

  // What those are multiplied by beside `running` other batches: engines share caches, memory and cores.
  double slowdown(int32_t running) const { return slowdown_[static_cast<size_t>(running)]; }

  // Factor by which to multiply an expected latency so that two runs in a hundred take longer than that.
  double safety() const { return tail_.value(); }

 private:
  struct Entry {
    double seedMs;      // NaN: none
    double measuredMs;  // NaN: none
    uint64_t measuredAt;
  };
  void rebuild();
  double knownMs(const Entry& entry) const;
  bool fresh(const Entry& entry) const;  // measured among the last batches

  std::vector<Entry> entries_;  // index = rows
  std::vector<double> meanMs_;
  uint64_t batches_ = 0;
  double drift_ = 1;  // measured / seed over all sizes: corrects sizes that were not run yet
  std::vector<double> slowdown_;  // index = other batches running
  QuantileTrack tail_;            // of measured / expected
};

}  // namespace cb
