// The codec in TypeScript wrote down what it writes and reads (packages/api/src/frames/link-golden.test.ts); this one must agree.
#include <fstream>
#include <sstream>

#include "check.h"
#include "frames/answer_encode.h"
#include "frames/frame_reader.h"
#include "frames/infer_scan.h"

using namespace wire;

namespace {

struct Line {
  std::string kind;
  std::string bytes;
  std::string told;
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == by) parts.emplace_back();
    else parts.back().push_back(c);
  }
  return parts;
}

std::string unhex(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string hex(const void* data, size_t count) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; i++) {
    const uint8_t byte = static_cast<const uint8_t*>(data)[i];
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

std::vector<Line> lines(const std::string& kind) {
  std::vector<Line> found;
  std::ifstream file(GOLDEN_PATH);
  for (std::string text; std::getline(file, text);) {
    const std::vector<std::string> parts = split(text, '\t');
    if (parts[0].rfind(kind, 0) == 0) found.push_back({parts[0], unhex(parts[1]), parts[2]});
  }
  return found;
}

std::string told(const Load& load) {
  std::ostringstream out;
  out.precision(17);
  out << load.drainMs << ' ' << load.executorUtilisation << ' ' << load.memoryFreeBytes << ' '
      << load.instanceQueuedRows;
  return out.str();
}

std::string told(const Frame& f) {
  std::ostringstream out;
  out.precision(17);
  const std::string body = hex(f.body.data(), f.body.size());
  const std::string id = " " + std::to_string(f.id);
  switch (f.type) {
    case FrameType::kInfer:
      out << "infer" << id << ' ' << f.infer.timeoutMs << ' ' << int{f.infer.lane} << ' '
          << (f.infer.trace.sampled
                  ? hex(f.infer.trace.traceId, kTraceIdBytes) + ":" + hex(f.infer.trace.spanId, kSpanIdBytes)
                  : "-")
          << " [" << f.infer.variant << "] " << body;
      break;
    case FrameType::kAnswer:
      out << "answer" << id << ' ' << f.answer.queueMs << ' ' << f.answer.gatherMs << ' ' << f.answer.runMs << ' '
          << f.answer.scatterMs << ' ' << f.answer.executorMs << ' ' << f.answer.batchSize << ' '
          << told(f.answer.load) << ' ' << body;
      break;
    case FrameType::kRefusal:
      out << "refusal" << id << ' ' << int{f.refusal.code} << ' ' << f.refusal.retryAfterMs << ' '
          << told(f.refusal.load) << " [" << std::string(reinterpret_cast<char*>(f.body.data()), f.body.size()) << "]";
      break;
    case FrameType::kCancel:
      return "cancel" + id;
    case FrameType::kDraining:
      return "draining" + id;
    case FrameType::kGreeting:
      return "greeting" + id;
    case FrameType::kCredential:
      return "credential" + id + " [" + std::string(reinterpret_cast<char*>(f.body.data()), f.body.size()) + "]";
  }
  return out.str();
}

std::string encoded(const Frame& f) {
  std::string bytes;
  const std::string body(reinterpret_cast<char*>(f.body.data()), f.body.size());
  switch (f.type) {
    case FrameType::kInfer:
      appendInferHead(f.id, f.infer, body.size(), bytes);
      return bytes + body;
    case FrameType::kAnswer:
      appendAnswerHead(f.id, f.answer, body.size(), bytes);
      return bytes + body;
    case FrameType::kRefusal:
      appendRefusal(f.id, f.refusal, body, bytes);
      return bytes;
    case FrameType::kCredential:
      appendCredential(body, bytes);
      return bytes;
    default:
      appendBare(f.type, f.id, bytes);
      return bytes;
  }
}

std::string joined(const std::vector<std::string>& parts, char by) {
  std::string text;
  for (size_t i = 0; i < parts.size(); i++) text += (i == 0 ? "" : std::string(1, by)) + parts[i];
  return text;
}

std::string number(double value) {
  std::ostringstream out;
  out.precision(17);
  out << value;
  return out.str();
}

std::string told(const ScannedParameter& p) {
  using Kind = ScannedParameter::Kind;
  std::string value;
  if (p.kind == Kind::kBool) value = p.integer != 0 ? "true" : "false";
  if (p.kind == Kind::kInteger) value = std::to_string(p.integer);
  if (p.kind == Kind::kText) value = p.text;
  if (p.kind == Kind::kDouble) value = number(p.number);
  return std::string(p.key) + "=" + value;
}

std::string scanned(const std::string& bytes) {
  InferHead head;
  if (scanInferRequest(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), head) != Scan::kOk) return "odd";
  std::vector<std::string> parameters, inputs, outputs, raw;
  for (const ScannedParameter& p : head.parameters) parameters.push_back(told(p));
  for (const ScannedInput& i : head.inputs) {
    std::vector<std::string> dims;
    for (size_t d = 0; d < i.rank; d++) dims.push_back(std::to_string(head.dims[i.dimsAt + d]));
    inputs.push_back(std::string(i.name) + ":" + std::string(i.datatype) + ":" + joined(dims, ',') + ":" +
                     (i.contents ? "typed" : "raw"));
  }
  for (const std::string_view name : head.requestedOutputs) outputs.emplace_back(name);
  for (const ScannedRaw& r : head.raw) raw.push_back(std::to_string(r.offset) + "+" + std::to_string(r.bytes));
  const std::string names =
      std::string(head.modelName) + "/" + std::string(head.modelVersion) + "/" + std::string(head.id);
  return joined({names, joined(parameters, ' '), joined(inputs, ' '), joined(outputs, ' '), joined(raw, ' ')}, '|');
}

char verdict(const std::string& bytes) { return scanned(bytes) == "odd" ? 'n' : 'y'; }

}  // namespace

TEST("frames are read as they were written, and written again to the same bytes") {
  size_t count = 0;
  for (const Line& line : lines("frame")) {
    FrameReader reader;
    const FrameReader::Spaces spaces = reader.spaces();
    CHECK(line.bytes.size() <= spaces.first.bytes);
    std::memcpy(spaces.first.data, line.bytes.data(), line.bytes.size());
    reader.filled(line.bytes.size());
    Frame frame;
    CHECK(reader.next(frame));
    CHECK(told(frame) == line.told);
    CHECK(encoded(frame) == line.bytes);
    Frame none;
    CHECK(!reader.next(none) && reader.fault().empty());
    count++;
  }
  CHECK(count >= 9);
}

TEST("answers are encoded to the same bytes") {
  const std::vector<Line> all = lines("answer");
  CHECK(all.size() >= 3);
  for (const Line& line : all) {
    std::string described, data;
    for (const std::string& told : split(line.told, ';')) {
      const std::vector<std::string> parts = split(told, ':');
      if (parts.size() < 4) continue;
      std::vector<int64_t> shape;
      for (const std::string& dim : split(parts[2], ',')) {
        if (!dim.empty()) shape.push_back(std::stoll(dim));
      }
      const std::string bytes = unhex(parts[3]);
      appendOutput({parts[0], parts[1], shape.data(), shape.size(), bytes.size()}, described);
      const size_t before = data.size();
      appendRawPrefix(bytes.size(), data);
      CHECK(data.size() - before == rawPrefixBytes(bytes.size()));
      data += bytes;
    }
    CHECK(described + data == line.bytes);
  }
}

TEST("requests are scanned to the same heads") {
  const std::vector<Line> all = lines("scan");
  CHECK(all.size() >= 20);
  for (const Line& line : all) {
    const std::string head = scanned(line.bytes);
    CHECK(head == line.told);
    if (head != line.told) std::printf("%s\n  %s\n  %s\n", hex(line.bytes.data(), line.bytes.size()).c_str(), head.c_str(), line.told.c_str());
  }
}

TEST("requests cut off anywhere are judged the same") {
  for (const Line& line : lines("cut")) {
    std::string verdicts;
    for (size_t at = 0; at < line.bytes.size(); at++) verdicts.push_back(verdict(line.bytes.substr(0, at)));
    CHECK(verdicts == line.told);
  }
}

TEST("requests with one byte changed are judged the same") {
  const std::vector<Line> all = lines("flip");
  CHECK(all.size() >= 10);
  for (const Line& line : all) {
    const int mask = std::stoi(line.kind.substr(5));
    std::string verdicts;
    for (size_t at = 0; at < line.bytes.size(); at++) {
      std::string changed = line.bytes;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      verdicts.push_back(verdict(changed));
    }
    CHECK(verdicts == line.told);
  }
}

MAIN_OF_TESTS
