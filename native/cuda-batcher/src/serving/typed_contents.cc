#include "serving/typed_contents.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace cb::link {

namespace {

constexpr uint64_t kBytesWire = 2;
constexpr int kVarintBytesMax = 10;

// Fields of InferTensorContents.
enum List : uint64_t { kBools = 1, kInts = 2, kInt64s = 3, kUints = 4, kUint64s = 5, kFloats = 6, kDoubles = 7 };

// False: it is broken, or goes beyond `end`.
bool readVarint(const uint8_t*& at, const uint8_t* end, uint64_t& value) {
  value = 0;
  for (int i = 0; i < kVarintBytesMax && at < end; i++) {
    const uint64_t byte = *at++;
    if (i == kVarintBytesMax - 1 && byte > 1) return false;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

// The one field of `contents`, a packed list of this number.
bool onlyList(List list, const uint8_t* contents, size_t bytes, RequestInput& packed) {
  const uint8_t* at = contents;
  const uint8_t* const end = contents + bytes;
  uint64_t tag = 0;
  uint64_t length = 0;
  if (!readVarint(at, end, tag) || tag != (list << 3 | kBytesWire)) return false;
  if (!readVarint(at, end, length) || length != static_cast<uint64_t>(end - at)) return false;
  packed = {at, static_cast<size_t>(length)};
  return true;
}

// Negative numbers have all 64 bits on the wire, whatever their type.
template <typename T>
bool inRange(uint64_t value) {
  if (sizeof(T) == sizeof value) return true;
  if (std::numeric_limits<T>::is_signed) {
    const auto number = static_cast<int64_t>(value);
    return number >= std::numeric_limits<T>::min() && number <= std::numeric_limits<T>::max();
  }
  return value <= static_cast<uint64_t>(std::numeric_limits<T>::max());
}

template <typename T>
bool unpack(const RequestInput& packed, uint64_t elements, RequestInput& raw, wire::Bytes& unpacked) {
  // An element has a byte at least, so that no more memory is taken than eight times what came.
  if (elements > kUnpackedElementsMax || elements > packed.bytes) return false;
  try {
    unpacked = wire::Bytes::allocate(static_cast<size_t>(elements) * sizeof(T), 0);
  } catch (const std::bad_alloc&) {
    return false;
  }
  const uint8_t* at = packed.data;
  const uint8_t* const end = packed.data + packed.bytes;
  uint8_t* to = unpacked.data();
  for (uint64_t i = 0; i < elements; i++, to += sizeof(T)) {
    uint64_t value = 0;
    if (!readVarint(at, end, value) || !inRange<T>(value)) return false;
    const T element = static_cast<T>(value);
    std::memcpy(to, &element, sizeof element);
  }
  raw = {unpacked.data(), unpacked.size()};
  return at == end;
}

// Numbers of fixed size lie as they would lie raw.
bool asItLies(const RequestInput& packed, uint64_t elements, size_t elementSize, RequestInput& raw) {
  raw = packed;
  return packed.bytes % elementSize == 0 && packed.bytes / elementSize == elements;
}

// Truth values of one byte each lie as they would lie raw; longer ones are larger than 1.
bool truthsAsTheyLie(const RequestInput& packed, uint64_t elements, RequestInput& raw) {
  return asItLies(packed, elements, 1, raw) &&
         std::all_of(packed.data, packed.data + packed.bytes, [](uint8_t byte) { return byte <= 1; });
}

}  // namespace

bool readTyped(DType dtype, uint64_t elements, const uint8_t* contents, size_t bytes, RequestInput& raw,
               wire::Bytes& unpacked) {
  RequestInput packed;
  const auto came = [&](List list) { return onlyList(list, contents, bytes, packed); };
  switch (dtype) {
    case DType::kFloat32:
      return came(kFloats) && asItLies(packed, elements, sizeof(float), raw);
    case DType::kFloat64:
      return came(kDoubles) && asItLies(packed, elements, sizeof(double), raw);
    case DType::kBool:
      return came(kBools) && truthsAsTheyLie(packed, elements, raw);
    case DType::kInt8:
      return came(kInts) && unpack<int8_t>(packed, elements, raw, unpacked);
    case DType::kInt16:
      return came(kInts) && unpack<int16_t>(packed, elements, raw, unpacked);
    case DType::kInt32:
      return came(kInts) && unpack<int32_t>(packed, elements, raw, unpacked);
    case DType::kInt64:
      return came(kInt64s) && unpack<int64_t>(packed, elements, raw, unpacked);
    case DType::kUint8:
      return came(kUints) && unpack<uint8_t>(packed, elements, raw, unpacked);
    case DType::kUint16:
      return came(kUints) && unpack<uint16_t>(packed, elements, raw, unpacked);
    case DType::kUint32:
      return came(kUints) && unpack<uint32_t>(packed, elements, raw, unpacked);
    case DType::kUint64:
      return came(kUint64s) && unpack<uint64_t>(packed, elements, raw, unpacked);
    case DType::kFloat16:
    case DType::kBfloat16:
    case DType::kString:
      return false;
  }
  return false;
}

}  // namespace cb::link
