// Tensor contents in the typed form of the protocol (InferTensorContents), read as raw ones are: what lies there as it would lie
// raw is not copied, integers are unpacked into memory of their own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engines/engine_table.h"
#include "frames/bytes.h"
#include "scheduling/request.h"

namespace cb::link {

// Elements that are unpacked on the I/O thread, at most: a few milliseconds. Those that need no unpacking have no such bound.
constexpr size_t kUnpackedElementsMax = size_t{4} << 20;

// Fills `raw` with the `elements` elements of this type in `contents`, InferTensorContents bytes; `unpacked` holds them where they
// lie nowhere in their raw form. False: they are not all in one packed list of the type's own, or one is out of the type's range,
// or there are too many to unpack; JavaScript judges those.
bool readTyped(DType dtype, uint64_t elements, const uint8_t* contents, size_t bytes, RequestInput& raw, wire::Bytes& unpacked);

}  // namespace cb::link
