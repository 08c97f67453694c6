#include "engines/onnxruntime/text.h"

#include <cstring>
#include <limits>

namespace cb::ort {

namespace {

constexpr size_t kLengthBytes = 4;

uint32_t readLength(const uint8_t* from) {
  return static_cast<uint32_t>(from[0]) | static_cast<uint32_t>(from[1]) << 8 | static_cast<uint32_t>(from[2]) << 16 |
         static_cast<uint32_t>(from[3]) << 24;
}

void appendLength(std::vector<uint8_t>& bytes, uint32_t length) {
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(length >> shift));
}

size_t elementsOf(const EngineBuffer& buffer) {
  size_t count = 1;
  for (int32_t d = 0; d < buffer.rank; d++) count *= static_cast<size_t>(buffer.dims[d]);
  return count;
}

bool notSoMany(const EngineTensor& tensor, size_t found, size_t wanted, const ErrorText& error) {
  return error.write("'" + std::string(tensor.name) + "' holds " + std::to_string(found) + " whole strings, its shape has " +
                     std::to_string(wanted));
}

}  // namespace

bool writeText(const LoadedSession& model, const EngineTensor& tensor, const EngineBuffer& buffer, Value** value,
               const ErrorText& error) {
  const void* api = model.api;
  const size_t count = elementsOf(buffer);
  // Checked before anything is made: every string takes its length at least.
  if (count > buffer.bytes / kLengthBytes) return notSoMany(tensor, buffer.bytes / kLengthBytes, count, error);
  if (failed(api,
             createTensor(api, model.allocator, buffer.dims, static_cast<size_t>(buffer.rank),
                          static_cast<int>(DType::kString), value),
             error)) {
    return false;
  }
  const uint8_t* at = static_cast<const uint8_t*>(buffer.data);
  const uint8_t* end = at + buffer.bytes;
  for (size_t i = 0; i < count; i++) {
    const size_t left = static_cast<size_t>(end - at);
    if (left < kLengthBytes || readLength(at) > left - kLengthBytes) return notSoMany(tensor, i, count, error);
    const uint32_t length = readLength(at);
    char* room = nullptr;
    if (failed(api, getTextRoom(api, *value, i, length, &room), error)) return false;
    if (length > 0) std::memcpy(room, at + kLengthBytes, length);
    at += kLengthBytes + length;
  }
  if (at == end) return true;
  return error.write("'" + std::string(tensor.name) + "' has " + std::to_string(end - at) + " bytes after its " +
                     std::to_string(count) + " strings");
}

bool readText(const LoadedSession& model, const Value* value, size_t count, std::vector<uint8_t>& bytes,
              const ErrorText& error) {
  if (count == 0) return true;
  const void* api = model.api;
  size_t total = 0;
  if (failed(api, getTextBytes(api, value, &total), error)) return false;
  std::vector<char> text(total + 1);  // never empty, so that it has an address
  std::vector<size_t> offsets(count);
  if (failed(api, getText(api, value, text.data(), total, offsets.data(), count), error)) return false;
  bytes.reserve(bytes.size() + total + count * kLengthBytes);
  for (size_t i = 0; i < count; i++) {
    const size_t length = (i + 1 < count ? offsets[i + 1] : total) - offsets[i];
    if (length > std::numeric_limits<uint32_t>::max()) {
      return error.write("a string of " + std::to_string(length) + " bytes is longer than the wire can say");
    }
    appendLength(bytes, static_cast<uint32_t>(length));
    bytes.insert(bytes.end(), text.data() + offsets[i], text.data() + offsets[i] + length);
  }
  return true;
}

}  // namespace cb::ort
