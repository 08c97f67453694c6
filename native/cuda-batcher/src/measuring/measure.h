// How fast an engine is by itself: batches run back to back on several threads, without a queue.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "running/model.h"

namespace cb {

struct MeasureOptions {
  int32_t instances = 1;      // threads that run at a time
  int32_t batch = 1;          // rows per run
  double durationMs = 0;      // stop after this long ...
  int32_t iterations = 0;     // ... or after this many runs in all; 0: no limit
  double warmUpMs = 0;        // runs before it count for nothing (at least one per thread is made)
  // One row of each input, repeated to fill the batch; empty: zeros.
  std::vector<std::vector<uint8_t>> row;
  std::vector<int64_t> dims;  // all inputs' dims one after another, needed where the model leaves more than rows open
};

struct Measured {
  std::string error;
  std::vector<double> latencyMs;  // of every run, in no particular order
  double elapsedMs = 0;           // wall time of the measured part
};

Measured measure(const Model& model, const MeasureOptions& options, double (*clock)());

}  // namespace cb
