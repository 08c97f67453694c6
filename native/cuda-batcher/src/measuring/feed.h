// What a batcher gives when a native thread feeds it: the price of queue, plan and gather, without JavaScript's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "running/batcher.h"

namespace cb {

struct FeedOptions {
  int32_t inFlight = 1;   // single-row requests kept in the batcher, each answered one followed by another
  double durationMs = 0;
  double warmUpMs = 0;    // answers before it do not count
  std::vector<std::vector<uint8_t>> row;  // one row of each input; empty: zeros
  std::vector<int64_t> dims;              // as in MeasureOptions
};

struct Fed {
  std::string error;
  uint64_t items = 0;     // rows answered in the counted part
  uint64_t batches = 0;
  double elapsedMs = 0;
  double engineMs = 0;    // summed over engine threads: inside the engine's run
};

// Opens a batcher of its own over `model`, feeds it from the calling thread in a closed loop, and stops it. Every request
// in flight has its row in memory of its own, as requests from a network have.
Fed feed(const std::shared_ptr<Model>& model, const BatcherOptions& options, const FeedOptions& load,
         Batcher::Clock clock);

}  // namespace cb
