// Reads the head of ModelInferRequest bytes without touching the tensors, as packages/api/src/frames/infer-scan.ts does: fields in
// any order, the last of a repeated single field wins, unknown fields are skipped. Total: any bytes give an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace wire {

// Counts of one request; beyond them it is refused. Far above any model, far below what would hurt to remember.
constexpr size_t kInputsMax = 1024;
constexpr size_t kRequestedOutputsMax = 1024;
constexpr size_t kParametersMax = 256;
constexpr size_t kDimsMax = 8192;  // of all inputs together

enum class Scan {
  kOk,
  kOdd,      // broken, or merely rare: decode the whole message instead
  kTooMany,  // of one of the things counted above
};

struct ScannedParameter {
  enum class Kind { kBool, kInteger, kText, kDouble };
  std::string_view key;
  Kind kind = Kind::kBool;
  int64_t integer = 0;  // kBool: 0 or 1; kInteger: 0 to 2^53 - 1
  double number = 0;
  std::string_view text;
};

// Offsets count from the first byte that was scanned.
struct ScannedRaw {
  size_t offset = 0;
  size_t bytes = 0;
};

struct ScannedInput {
  std::string_view name;
  std::string_view datatype;
  size_t dimsAt = 0;  // in InferHead::dims
  size_t rank = 0;
  bool contents = false;  // the data came in typed form, inside this input
  ScannedRaw typed = {};  // where, as InferTensorContents
};

// What was found; texts are views of the scanned bytes, all ASCII. Kept between scans, it allocates nothing any more.
struct InferHead {
  std::string_view modelName;
  std::string_view modelVersion;
  std::string_view id;
  std::vector<ScannedParameter> parameters;  // each key once
  std::vector<ScannedInput> inputs;
  std::vector<int64_t> dims;
  std::vector<std::string_view> requestedOutputs;  // empty: all
  std::vector<ScannedRaw> raw;

  void clear();
};

// Odd are: anything broken, text that is not ASCII, parameters of single tensors (shared memory, classification), integers
// of 2^53 and above, typed contents in several parts, a uint64 that is not `priority` (the only one that may be), a
// `priority` or `timeout` that is no integer. O(fields); depth is fixed by the message's own, three.
Scan scanInferRequest(const uint8_t* bytes, size_t count, InferHead& head);

// Where the first raw tensor's data begins, as far as the first `count` bytes of a request tell; 0 when they do not.
size_t firstRawOffset(const uint8_t* bytes, size_t count);

}  // namespace wire
