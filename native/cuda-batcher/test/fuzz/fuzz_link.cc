// What the bytes of a peer go through on a native link: frames cut out of a stream, requests scanned and judged.
#include "fuzz_target.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "frames/frame_reader.h"
#include "frames/infer_scan.h"
#include "fake_engine.h"
#include "serving/query.h"

using namespace cb;

namespace {

// Small, so that a length a fuzzer makes up is too large more often than it is only long.
constexpr size_t kFrameBytesMax = 1 << 16;

void require(bool holds) {
  if (!holds) std::abort();
}

bool inside(std::string_view part, const uint8_t* data, size_t size) {
  const auto* begin = reinterpret_cast<const uint8_t*>(part.data());
  return part.empty() || (begin >= data && begin + part.size() <= data + size);
}

const Model& model() {
  static const std::unique_ptr<Model> loaded = [] {
    std::string error;
    return Model::load(fakeEngine(), {}, error);
  }();
  return *loaded;
}

void judge(const uint8_t* data, size_t size) {
  static wire::InferHead head;
  static Request request;
  static link::Query query;
  const wire::Scan scan = wire::scanInferRequest(data, size, head);
  require(head.inputs.size() <= wire::kInputsMax && head.raw.size() <= wire::kInputsMax);
  require(head.dims.size() <= wire::kDimsMax && head.parameters.size() <= wire::kParametersMax);
  require(head.requestedOutputs.size() <= wire::kRequestedOutputsMax);
  require(wire::firstRawOffset(data, size) <= size);
  if (scan != wire::Scan::kOk) return;
  for (const wire::ScannedInput& input : head.inputs) {
    require(inside(input.name, data, size) && inside(input.datatype, data, size));
    require(input.dimsAt + input.rank <= head.dims.size());
  }
  for (const wire::ScannedRaw& raw : head.raw) require(raw.offset <= size && raw.bytes <= size - raw.offset);
  for (const wire::ScannedParameter& p : head.parameters) require(inside(p.key, data, size) && inside(p.text, data, size));
  static const link::Signature signature{{"FP32"}, {"FP32"}};
  if (!link::fits(model(), signature, head, data, request, query)) return;
  require(request.rows >= 1);
  require(request.inputs.size() == 1 && !query.outputs.empty());
  const RequestInput& input = request.inputs[0];
  require(input.data >= data && input.data + input.bytes <= data + size);
  require(input.bytes == static_cast<size_t>(request.rows) * kFakeWidth * sizeof(float));
  for (const uint32_t output : query.outputs) require(output == 0);
}

void readStream(const uint8_t* data, size_t size, size_t piece) {
  wire::FrameReader reader(kFrameBytesMax);
  for (size_t at = 0; at < size && reader.fault().empty();) {
    const wire::FrameReader::Spaces spaces = reader.spaces();
    require(spaces.first.bytes > 0);
    const size_t count = std::min({piece, size - at, spaces.first.bytes + spaces.second.bytes});
    const size_t first = std::min(count, spaces.first.bytes);
    std::memcpy(spaces.first.data, data + at, first);
    if (count > first) std::memcpy(spaces.second.data, data + at + first, count - first);
    reader.filled(count);
    at += count;
    for (wire::Frame frame; reader.next(frame);) {
      require(frame.body.size() <= kFrameBytesMax);
      if (frame.type == wire::FrameType::kInfer) judge(frame.body.data(), frame.body.size());
    }
  }
}

std::string lengthDelimited(char tag, const std::string& content) {
  std::string bytes(1, tag);
  size_t length = content.size();
  for (; length >= 0x80; length >>= 7) bytes.push_back(static_cast<char>(length | 0x80));
  bytes.push_back(static_cast<char>(length));
  return bytes + content;
}

std::string frame(uint32_t id, const std::string& body) {
  wire::InferHeader header;
  header.variant = "fake";
  std::string bytes;
  wire::appendInferHead(id, header, body.size(), bytes);
  return bytes + body;
}

}  // namespace

// As a stream received in pieces, and as a request by itself.
void fuzzTarget(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const size_t pieces[] = {1, 7, 64, 4096, SIZE_MAX};
  readStream(data + 1, size - 1, pieces[data[0] % 5]);
  judge(data + 1, size - 1);
}

// Streams: every kind of frame, requests of every field, cut and joined.
std::vector<std::string> fuzzSeeds() {
  const auto input = [](const std::string& shape) {
    return lengthDelimited('\x2a', lengthDelimited('\x0a', "x") + lengthDelimited('\x12', "FP32") + shape);
  };
  const std::string packed = lengthDelimited('\x1a', std::string("\x02\x04", 2));
  const std::string unpacked("\x18\x02\x18\x04", 4);
  const std::string tensor(2 * kFakeWidth * sizeof(float), 'v');
  const std::string parameter =
      lengthDelimited('\x22', lengthDelimited('\x0a', "k") + lengthDelimited('\x12', std::string("\x10\x05", 2)));
  const std::string plain = lengthDelimited('\x0a', "model") + lengthDelimited('\x12', "1") + lengthDelimited('\x1a', "id");
  const std::vector<std::string> requests = {
      plain + parameter + input(packed) + lengthDelimited('\x32', lengthDelimited('\x0a', "y")) +
          lengthDelimited('\x3a', tensor),
      input(unpacked) + lengthDelimited('\x3a', tensor),
      lengthDelimited('\x3a', tensor) + input(packed) + plain,
      input(packed + lengthDelimited('\x2a', std::string("\x32\x04\0\0\0\0", 6))),
      plain,
  };
  std::vector<std::string> seeds;
  std::string all;
  for (size_t i = 0; i < requests.size(); i++) {
    const std::string framed = frame(static_cast<uint32_t>(i), requests[i]);
    seeds.push_back("\x04" + framed);
    seeds.push_back("\x04" + requests[i]);
    all += framed;
  }
  std::string bare;
  wire::appendBare(wire::FrameType::kCancel, 3, bare);
  wire::appendBare(wire::FrameType::kDraining, 0, bare);
  wire::appendBare(wire::FrameType::kGreeting, 0, bare);
  wire::appendRefusal(4, {}, "refused", bare);
  wire::appendAnswerHead(5, {}, 3, bare);
  seeds.push_back(std::string(1, '\0') + all + bare + "abc");
  seeds.push_back("\x02" + bare + "abc" + all);
  return seeds;
}
