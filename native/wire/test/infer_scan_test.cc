#include "frames/infer_scan.h"

#include <string>

#include "check.h"

using namespace wire;

namespace {

std::string repeated(const std::string& part, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; i++) all += part;
  return all;
}

Scan scanOf(const std::string& bytes, InferHead& head) {
  return scanInferRequest(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), head);
}

Scan scanOf(const std::string& bytes) {
  InferHead head;
  return scanOf(bytes, head);
}

}  // namespace

TEST("a request of too many things is told from a broken one") {
  const std::string input("\x2a\x00", 2);
  CHECK(scanOf(repeated(input, kInputsMax)) == Scan::kOk);
  CHECK(scanOf(repeated(input, kInputsMax + 1)) == Scan::kTooMany);
  const std::string output("\x32\x00", 2);
  CHECK(scanOf(repeated(output, kRequestedOutputsMax + 1)) == Scan::kTooMany);
  const std::string raw("\x3a\x00", 2);
  CHECK(scanOf(repeated(raw, kInputsMax + 1)) == Scan::kTooMany);
  const std::string dim("\x2a\x02\x18\x01", 4);
  CHECK(scanOf(repeated(dim, kInputsMax + 1)) == Scan::kTooMany);
  const std::string dims = repeated(std::string("\x18\x01", 2), 60);
  CHECK(scanOf(repeated(std::string("\x2a\x78", 2) + dims, 200)) == Scan::kTooMany);
  std::string parameters;
  for (int i = 0; i <= static_cast<int>(kParametersMax); i++) {
    const std::string key{static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26)};
    parameters += "\x22\x08\x0a\x02" + key + "\x12\x02\x08\x01";
  }
  CHECK(scanOf(parameters) == Scan::kTooMany);
}

TEST("the last of a parameter given twice wins, and takes no second place") {
  const std::string one("\x22\x07\x0a\x01p\x12\x02\x10\x05", 9);
  const std::string two("\x22\x07\x0a\x01p\x12\x02\x10\x09", 9);
  InferHead head;
  CHECK(scanOf(repeated(one, 1000) + two, head) == Scan::kOk);
  CHECK(head.parameters.size() == 1 && head.parameters[0].integer == 9);
}

TEST("a second scan with the same head leaves nothing of the first") {
  InferHead head;
  CHECK(scanOf(std::string("\x0a\x01m\x3a\x01x", 6), head) == Scan::kOk && head.raw.size() == 1);
  CHECK(scanOf("", head) == Scan::kOk);
  CHECK(head.modelName.empty() && head.raw.empty());
}

TEST("the first tensor is found in the part of a request that has come") {
  const std::string request("\x0a\x03mlp\x2a\x03\x0a\x01x\x3a\x90\x4e", 13);
  const auto* bytes = reinterpret_cast<const uint8_t*>(request.data());
  CHECK(firstRawOffset(bytes, 13) == 13);
  for (size_t count = 0; count < 13; count++) CHECK(firstRawOffset(bytes, count) == 0);
}

MAIN_OF_TESTS
