// How a delivery is laid out in the Float64Array that JavaScript reads it from; the same numbers stand in lib/delivery-layout.ts.
#pragma once

#include <cstddef>

#include "running/batcher.h"

namespace cb::mail {

// Head: one number each.
constexpr size_t kFailed = 0;       // 1: the batch failed; 2: because it was ended for taking too long
constexpr size_t kRows = 1;
constexpr size_t kGatherMs = 2;
constexpr size_t kRunMs = 3;
constexpr size_t kScatterMs = 4;
constexpr size_t kSlab = 5;         // -1: outputs come as ArrayBuffers
constexpr size_t kMembers = 6;      // how many
constexpr size_t kDropped = 7;      // how many
constexpr size_t kStopped = 8;      // 1: dropped because the batcher stopped
constexpr size_t kOutputs = 9;      // how many
constexpr size_t kPaddedRows = 10;
constexpr size_t kHead = 11;
// Then members of three numbers (ticket, rows, queueMs), dropped tickets, and outputs of:
constexpr size_t kOutputOffset = 0;  // bytes from the arena's start; 0 when it comes as an ArrayBuffer
constexpr size_t kOutputBytes = 1;
constexpr size_t kOutputRank = 2;
constexpr size_t kOutputDims = 3;
constexpr size_t kOutputNumbers = kOutputDims + static_cast<size_t>(kMaxRank);
constexpr size_t kMemberNumbers = 3;

inline size_t capacity(const BatcherOptions& options, size_t outputs) {
  return kHead + kMemberNumbers * static_cast<size_t>(options.maxBatch) + windowMax(options) +
         outputs * kOutputNumbers;
}

}  // namespace cb::mail
