#include "frames/answer_encode.h"

namespace wire {

namespace {

constexpr uint8_t bytesTag(int field) { return static_cast<uint8_t>(field << 3 | 2); }

size_t varintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) bytes++;
  return bytes;
}

void putVarint(uint64_t value, std::string& to) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

size_t textBytes(std::string_view text) { return text.empty() ? 0 : 1 + varintBytes(text.size()) + text.size(); }

// A field of text; the empty text is left out, as proto3 does.
void putText(int field, std::string_view text, std::string& to) {
  if (text.empty()) return;
  to.push_back(static_cast<char>(bytesTag(field)));
  putVarint(text.size(), to);
  to.append(text);
}

}  // namespace

void appendOutput(const AnswerOutput& output, std::string& to) {
  size_t dimsBytes = 0;
  for (size_t i = 0; i < output.rank; i++) dimsBytes += varintBytes(static_cast<uint64_t>(output.shape[i]));
  const size_t shapeBytes = output.rank == 0 ? 0 : 1 + varintBytes(dimsBytes) + dimsBytes;
  to.push_back(static_cast<char>(bytesTag(5)));
  putVarint(textBytes(output.name) + textBytes(output.datatype) + shapeBytes, to);
  putText(1, output.name, to);
  putText(2, output.datatype, to);
  if (output.rank == 0) return;
  to.push_back(static_cast<char>(bytesTag(3)));
  putVarint(dimsBytes, to);
  for (size_t i = 0; i < output.rank; i++) putVarint(static_cast<uint64_t>(output.shape[i]), to);
}

void appendRawPrefix(size_t bytes, std::string& to) {
  to.push_back(static_cast<char>(bytesTag(6)));
  putVarint(bytes, to);
}

size_t rawPrefixBytes(size_t bytes) { return 1 + varintBytes(bytes); }

}  // namespace wire
