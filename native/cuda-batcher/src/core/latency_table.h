// What a batch of b rows is expected to take: seeded from a profile, corrected by what is measured.
#pragma once

#include <cstdint>
#include <vector>

namespace cb {

class LatencyTable {
 public:
  // `seedMs[b - 1]` is the profiled latency of b rows; NaN or an end before maxBatch means not profiled.
  LatencyTable(int32_t maxBatch, const std::vector<double>& seedMs);

  // Takes one measured batch into account (exponentially weighted, per batch size).
  void observe(int32_t rows, double latencyMs);

  // Expected latencies, index = rows, 0..maxBatch; never falling; all 0 while nothing is known.
  const std::vector<double>& meanMs() const { return meanMs_; }

  // Factor by which to multiply a mean so that only a few runs in a hundred are later than that.
  double safety() const;

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
  double relativeDeviation_ = 0;
};

}  // namespace cb
