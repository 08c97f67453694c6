#include "frames/infer_scan.h"

#include <cstring>

namespace wire {

namespace {

enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

constexpr uint64_t kIntegerMax = (uint64_t{1} << 53) - 1;  // what a JavaScript number holds exactly
constexpr int kVarintBytesMax = 10;

constexpr uint64_t tagOf(uint64_t field, WireType type) { return field << 3 | type; }

// A position in a message. Every step that cannot be made makes it bad, and it stays so.
class Cursor {
 public:
  Cursor(const uint8_t* bytes, size_t at, size_t end) : bytes_(bytes), at_(at), end_(end) {}

  bool more() const { return !bad_ && at_ < end_; }
  bool bad() const { return bad_; }
  void fail() { bad_ = true; }
  size_t at() const { return at_; }

  // An unsigned integer below 2^53.
  uint64_t varint() {
    uint64_t value = 0;
    for (int i = 0; i < kVarintBytesMax && at_ < end_; i++) {
      const uint64_t byte = bytes_[at_++];
      // The tenth byte may hold one bit of 64; any at all is more than 53.
      if (i == kVarintBytesMax - 1 && (byte & 0x7f) != 0) break;
      value |= (byte & 0x7f) << (7 * i);
      if (value > kIntegerMax) break;
      if (byte < 0x80) return value;
    }
    bad_ = true;
    return 0;
  }

  // The length-delimited field that begins here, passed over.
  Cursor nested() {
    const uint64_t length = varint();
    if (bad_ || length > end_ - at_) {
      bad_ = true;
      return {bytes_, end_, end_};
    }
    const Cursor inside(bytes_, at_, at_ + static_cast<size_t>(length));
    at_ = inside.end_;
    return inside;
  }

  std::string_view text() {
    const Cursor inside = nested();
    for (size_t i = inside.at_; i < inside.end_; i++) {
      if (bytes_[i] > 0x7f) bad_ = true;
    }
    return {reinterpret_cast<const char*>(bytes_) + inside.at_, inside.end_ - inside.at_};
  }

  double fixed64() {
    double value = 0;
    if (end_ - at_ < sizeof value) {
      bad_ = true;
      return 0;
    }
    std::memcpy(&value, bytes_ + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  // Passes over a field that is not known. One up to `knownMax` here has an unexpected form, or is left to others.
  void skip(uint64_t tag, uint64_t knownMax) {
    if (tag > UINT32_MAX || tag >> 3 <= knownMax) {
      bad_ = true;
      return;
    }
    switch (tag & 7) {
      case kVarint:
        skipVarint();
        return;
      case kFixed64:
        advance(8);
        return;
      case kBytes:
        nested();
        return;
      case kFixed32:
        advance(4);
        return;
      default:
        bad_ = true;
    }
  }

  size_t bytesLeft() const { return end_ - at_; }

 private:
  void skipVarint() {
    for (int i = 0; i < kVarintBytesMax && at_ < end_; i++) {
      if (bytes_[at_++] < 0x80) return;
    }
    bad_ = true;
  }

  void advance(size_t count) {
    if (end_ - at_ < count) bad_ = true;
    else at_ += count;
  }

  const uint8_t* bytes_;
  size_t at_;
  size_t end_;
  bool bad_ = false;
};

class Scanner {
 public:
  explicit Scanner(InferHead& head) : head_(head) {}

  Scan request(Cursor c) {
    while (c.more() && !tooMany_) {
      const uint64_t tag = c.varint();
      switch (tag) {
        case tagOf(1, kBytes):
          head_.modelName = c.text();
          break;
        case tagOf(2, kBytes):
          head_.modelVersion = c.text();
          break;
        case tagOf(3, kBytes):
          head_.id = c.text();
          break;
        case tagOf(4, kBytes):
          check(c, parameter(c.nested()));
          break;
        case tagOf(5, kBytes):
          check(c, input(c.nested()));
          break;
        case tagOf(6, kBytes):
          check(c, requestedOutput(c.nested()));
          break;
        case tagOf(7, kBytes): {
          const Cursor data = c.nested();
          if (!c.bad() && room(head_.raw, kInputsMax)) head_.raw.push_back({data.at(), data.bytesLeft()});
          break;
        }
        default:
          c.skip(tag, 7);
      }
    }
    if (tooMany_) return Scan::kTooMany;
    return c.bad() ? Scan::kOdd : Scan::kOk;
  }

 private:
  static void check(Cursor& outer, bool fine) {
    if (!fine) outer.fail();
  }

  template <typename T>
  bool room(const std::vector<T>& list, size_t most) {
    if (list.size() < most) return true;
    tooMany_ = true;
    return false;
  }

  bool input(Cursor c) {
    ScannedInput input;
    input.dimsAt = head_.dims.size();
    while (c.more() && !tooMany_) {
      const uint64_t tag = c.varint();
      switch (tag) {
        case tagOf(1, kBytes):
          input.name = c.text();
          break;
        case tagOf(2, kBytes):
          input.datatype = c.text();
          break;
        case tagOf(3, kBytes): {
          Cursor packed = c.nested();
          while (packed.more() && !tooMany_) dim(packed);
          check(c, !packed.bad());
          break;
        }
        case tagOf(3, kVarint):
          dim(c);
          break;
        case tagOf(5, kBytes): {
          if (input.contents) c.fail();
          const Cursor typed = c.nested();
          input.contents = true;
          input.typed = {typed.at(), typed.bytesLeft()};
          break;
        }
        default:
          c.skip(tag, 5);
      }
    }
    input.rank = head_.dims.size() - input.dimsAt;
    if (room(head_.inputs, kInputsMax)) head_.inputs.push_back(input);
    return !c.bad();
  }

  void dim(Cursor& c) {
    const uint64_t value = c.varint();
    if (!c.bad() && room(head_.dims, kDimsMax)) head_.dims.push_back(static_cast<int64_t>(value));
  }

  bool requestedOutput(Cursor c) {
    std::string_view name;
    while (c.more()) {
      const uint64_t tag = c.varint();
      if (tag == tagOf(1, kBytes)) name = c.text();
      else c.skip(tag, 2);
    }
    if (room(head_.requestedOutputs, kRequestedOutputsMax)) head_.requestedOutputs.push_back(name);
    return !c.bad();
  }

  // One map entry: key 1, value 2. A missing key is the empty text, a missing value is odd.
  bool parameter(Cursor c) {
    ScannedParameter parameter;
    bool valued = false;
    while (c.more()) {
      const uint64_t tag = c.varint();
      if (tag == tagOf(1, kBytes)) {
        parameter.key = c.text();
      } else if (tag == tagOf(2, kBytes) && !valued) {
        check(c, value(c.nested(), parameter, valued));
      } else {
        c.skip(tag, 2);
      }
    }
    if (c.bad() || !valued || (unsigned_ && parameter.key != "priority")) return false;
    const bool mustBeInteger = parameter.key == "priority" || parameter.key == "timeout";
    if (mustBeInteger && parameter.kind != ScannedParameter::Kind::kInteger) return false;
    remember(parameter);
    return true;
  }

  void remember(const ScannedParameter& parameter) {
    for (ScannedParameter& known : head_.parameters) {
      if (known.key != parameter.key) continue;
      known = parameter;
      return;
    }
    if (room(head_.parameters, kParametersMax)) head_.parameters.push_back(parameter);
  }

  bool value(Cursor c, ScannedParameter& into, bool& valued) {
    using Kind = ScannedParameter::Kind;
    unsigned_ = false;
    while (c.more()) {
      const uint64_t tag = c.varint();
      switch (tag) {
        case tagOf(1, kVarint):
          into.kind = Kind::kBool;
          into.integer = c.varint() != 0 ? 1 : 0;
          break;
        case tagOf(5, kVarint):
          unsigned_ = true;
          [[fallthrough]];
        case tagOf(2, kVarint):
          into.kind = Kind::kInteger;
          into.integer = static_cast<int64_t>(c.varint());
          break;
        case tagOf(3, kBytes):
          into.kind = Kind::kText;
          into.text = c.text();
          break;
        case tagOf(4, kFixed64):
          into.kind = Kind::kDouble;
          into.number = c.fixed64();
          break;
        default:
          c.skip(tag, 5);
          continue;
      }
      valued = true;
    }
    return !c.bad();
  }

  InferHead& head_;
  bool tooMany_ = false;
  bool unsigned_ = false;  // the value read last came as uint64_param
};

}  // namespace

void InferHead::clear() {
  modelName = modelVersion = id = {};
  parameters.clear();
  inputs.clear();
  dims.clear();
  requestedOutputs.clear();
  raw.clear();
}

Scan scanInferRequest(const uint8_t* bytes, size_t count, InferHead& head) {
  head.clear();
  return Scanner(head).request(Cursor(bytes, 0, count));
}

size_t firstRawOffset(const uint8_t* bytes, size_t count) {
  Cursor c(bytes, 0, count);
  while (c.more()) {
    const uint64_t tag = c.varint();
    if (tag == tagOf(7, kBytes)) {
      c.varint();
      return c.bad() ? 0 : c.at();
    }
    c.skip(tag, 0);
  }
  return 0;
}

}  // namespace wire
