// How much room a delivery needs in the array that JavaScript reads it from.
#pragma once

#include "layouts/delivery_layout.h"
#include "running/batcher.h"

namespace cb {

static_assert(kRankMax == kMaxRank);

inline size_t deliveryNumbersMax(const BatcherOptions& options, size_t outputs) {
  return delivery_layout::kHead + member_layout::kStride * static_cast<size_t>(options.maxBatch) + windowMax(options) +
         outputs * output_layout::kStride;
}

}  // namespace cb
