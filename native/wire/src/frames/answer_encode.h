// Fields 5 (outputs) and 6 (raw_output_contents) of ModelInferResponse, the same bytes as encodeAnswerBody of
// packages/api/src/frames/infer-answer.ts. Set beside a head with fields 1 to 4 they are a whole message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wire {

// One output as the engine gave it; no dimension is negative.
struct AnswerOutput {
  std::string_view name;
  std::string_view datatype;
  const int64_t* shape = nullptr;
  size_t rank = 0;
  size_t bytes = 0;  // of its data: raw little-endian row-major
};

// Describes one output: first all are described, then each one's data follows behind its prefix.
void appendOutput(const AnswerOutput& output, std::string& to);

// What stands before one output's data; there is one for every output, even an empty one, as stock clients need.
void appendRawPrefix(size_t bytes, std::string& to);

// Bytes that appendRawPrefix appends.
size_t rawPrefixBytes(size_t bytes);

}  // namespace wire
