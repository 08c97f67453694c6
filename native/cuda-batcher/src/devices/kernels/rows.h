// Rows on a device: many separate rows into one dense batch, and back. A block along y has one row.
#pragma once

#include "devices/kernels/thread.h"

namespace cb::kernels {

struct alignas(16) Wide {
  uint64_t halves[2];
};

// 16 bytes at a time where both ends allow it.
CB_BODY void copyRow(const Thread& at, const uint8_t* from, uint8_t* to, size_t bytes) {
  const bool wide = ((reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) & (sizeof(Wide) - 1)) == 0;
  const size_t wideCount = wide ? bytes / sizeof(Wide) : 0;
  for (size_t i = first(at); i < wideCount; i += step(at)) reinterpret_cast<Wide*>(to)[i] = reinterpret_cast<const Wide*>(from)[i];
  for (size_t i = wideCount * sizeof(Wide) + first(at); i < bytes; i += step(at)) to[i] = from[i];
}

// Copies rows[i] (rowBytes each) to batch + i * rowBytes.
CB_BODY void gatherRows(const Thread& at, const uint8_t* const* rows, size_t rowBytes, uint8_t* batch) {
  copyRow(at, rows[at.row], batch + at.row * rowBytes, rowBytes);
}

// The reverse: copies batch + i * rowBytes to rows[i].
CB_BODY void scatterRows(const Thread& at, const uint8_t* batch, size_t rowBytes, uint8_t* const* rows) {
  copyRow(at, batch + at.row * rowBytes, rows[at.row], rowBytes);
}

}  // namespace cb::kernels
