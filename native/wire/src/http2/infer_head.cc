#include "http2/infer_head.h"

#include <functional>
#include <string_view>

namespace wire {

namespace {

constexpr uint64_t kIdTag = (3 << 3) | 2;
constexpr uint64_t kRawTag = (7 << 3) | 2;

class Reader {
 public:
  Reader(const uint8_t* at, const uint8_t* end) : at_(at), end_(end) {}

  bool done() const { return at_ == end_; }
  const uint8_t* at() const { return at_; }

  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at_ < end_; shift += 7) {
      const uint8_t byte = *at_++;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool skip(uint64_t count) {
    if (count > static_cast<uint64_t>(end_ - at_)) return false;
    at_ += count;
    return true;
  }

  // The rest of a field of this wire type.
  bool field(uint64_t type) {
    uint64_t value = 0;
    switch (type) {
      case 0: return varint(value);
      case 1: return skip(8);
      case 2: return varint(value) && skip(value);
      case 5: return skip(4);
      default: return false;
    }
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

}  // namespace

bool splitInferRequest(const uint8_t* bytes, size_t size, std::string& head, InferParts& parts) {
  Reader reader(bytes, bytes + size);
  while (!reader.done()) {
    const uint8_t* start = reader.at();
    uint64_t tag = 0;
    if (!reader.varint(tag)) return false;
    if (tag == kIdTag) {
      uint64_t length = 0;
      if (!reader.varint(length)) return false;
      parts.id = reader.at();
      parts.idBytes = length;
      if (!reader.skip(length)) return false;
      continue;
    }
    if (!reader.field(tag & 7)) return false;
    if (tag == kRawTag) continue;
    const auto length = static_cast<size_t>(reader.at() - start);
    if (head.size() + length > kHeadMaxBytes) return false;
    head.append(reinterpret_cast<const char*>(start), length);
  }
  return true;
}

InferHeads::Found InferHeads::find(const std::string& head) {
  const size_t number = std::hash<std::string_view>()(head) % kHeadsMax;
  Entry& entry = entries_[number];
  if (entry.turn != 0 && entry.head == head) return {static_cast<int32_t>(number), false};
  if (entry.turn == turn_) return {-1, false};
  entry.head = head;
  entry.turn = turn_;
  return {static_cast<int32_t>(number), true};
}

}  // namespace wire
