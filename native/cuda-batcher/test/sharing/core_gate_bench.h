// A gate of a test's own.
#pragma once

#include <chrono>

#include "sharing/core_claim.h"

namespace cb {

inline double nowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Made {
  std::string error;
  std::shared_ptr<CoreGate> gate;
  explicit Made(int32_t cores) { gate = CoreGate::make(cores, error); }
  std::unique_ptr<CoreClaim> claim(int32_t cores, size_t engines = 1, double weight = 1) {
    return CoreClaim::open(gate, {cores, engines, weight, false}, error);
  }
};

inline CoreClaim::Wish wish(double latestStartMs = kNoDeadline) { return {nowMs(), latestStartMs, 1, false}; }

}  // namespace cb
