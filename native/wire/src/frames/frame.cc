#include "frames/frame.h"

#include <cstring>

namespace wire {

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian, as every machine we build for");

template <typename T>
T get(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void put(T value, std::string& to) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void start(FrameType type, uint32_t id, size_t headerBytes, size_t bodyBytes, std::string& to) {
  put(static_cast<uint32_t>(kPrefixBytes - kLengthBytes + headerBytes + bodyBytes), to);
  put(static_cast<uint8_t>(type), to);
  put(uint8_t{0}, to);
  put(static_cast<uint16_t>(headerBytes), to);
  put(id, to);
}

void putLoad(const Load& load, std::string& to) {
  put(load.drainMs, to);
  put(load.executorUtilisation, to);
  put(load.memoryFreeBytes, to);
  put(load.instanceQueuedRows, to);
}

Load getLoad(const uint8_t* from) {
  return {get<double>(from), get<double>(from + 8), get<double>(from + 16), get<uint32_t>(from + 24)};
}

// Bytes a header of this type has at least; negative: no such type.
int headerBytesMin(uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kInfer:
      return kInferHeaderBytes;
    case FrameType::kAnswer:
      return kAnswerHeaderBytes;
    case FrameType::kRefusal:
      return kRefusalHeaderBytes;
    case FrameType::kCancel:
    case FrameType::kDraining:
    case FrameType::kGreeting:
    case FrameType::kCredential:
      return 0;
  }
  return -1;
}

}  // namespace

Prefix readPrefix(const uint8_t* from) {
  return {get<uint32_t>(from), from[4], get<uint16_t>(from + 6), get<uint32_t>(from + 8)};
}

std::string prefixFault(const Prefix& prefix, size_t frameBytesMax) {
  constexpr size_t least = kPrefixBytes - kLengthBytes;
  if (prefix.length < least || prefix.length > frameBytesMax) {
    return "frame of " + std::to_string(prefix.length) + " bytes, allowed are " + std::to_string(least) + " to " +
           std::to_string(frameBytesMax);
  }
  const std::string type = std::to_string(prefix.type);
  const std::string header = std::to_string(prefix.headerBytes);
  if (prefix.headerBytes > prefix.length - least) {
    return "frame of type " + type + " has a header of " + header + " bytes in " +
           std::to_string(prefix.length - least);
  }
  const int wanted = headerBytesMin(prefix.type);
  if (wanted < 0) return "frame type " + type + " is not known";
  if (prefix.headerBytes < wanted) return "frame of type " + type + " has a header of only " + header + " bytes";
  return {};
}

bool readInfer(const uint8_t* from, size_t headerBytes, InferHeader& header) {
  header.timeoutMs = get<double>(from);
  header.lane = from[8];
  header.trace.sampled = from[9] != 0;
  std::memcpy(header.trace.traceId, from + 10, kTraceIdBytes);
  std::memcpy(header.trace.spanId, from + 10 + kTraceIdBytes, kSpanIdBytes);
  const size_t variantBytes = get<uint16_t>(from + kInferHeaderBytes - 2);
  if (variantBytes > headerBytes - kInferHeaderBytes) return false;
  header.variant = {reinterpret_cast<const char*>(from + kInferHeaderBytes), variantBytes};
  return true;
}

AnswerHeader readAnswer(const uint8_t* from) {
  AnswerHeader header;
  header.queueMs = get<double>(from);
  header.gatherMs = get<double>(from + 8);
  header.runMs = get<double>(from + 16);
  header.scatterMs = get<double>(from + 24);
  header.executorMs = get<double>(from + 32);
  header.batchSize = get<uint32_t>(from + 40);
  header.load = getLoad(from + 44);
  return header;
}

RefusalHeader readRefusal(const uint8_t* from) { return {from[0], get<double>(from + 1), getLoad(from + 9)}; }

void appendInferHead(uint32_t id, const InferHeader& header, size_t bodyBytes, std::string& to) {
  start(FrameType::kInfer, id, kInferHeaderBytes + header.variant.size(), bodyBytes, to);
  put(header.timeoutMs, to);
  put(header.lane, to);
  put(static_cast<uint8_t>(header.trace.sampled ? 1 : 0), to);
  to.append(reinterpret_cast<const char*>(header.trace.traceId), kTraceIdBytes);
  to.append(reinterpret_cast<const char*>(header.trace.spanId), kSpanIdBytes);
  put(static_cast<uint16_t>(header.variant.size()), to);
  to.append(header.variant);
}

void appendAnswerHead(uint32_t id, const AnswerHeader& header, size_t bodyBytes, std::string& to) {
  start(FrameType::kAnswer, id, kAnswerHeaderBytes, bodyBytes, to);
  put(header.queueMs, to);
  put(header.gatherMs, to);
  put(header.runMs, to);
  put(header.scatterMs, to);
  put(header.executorMs, to);
  put(header.batchSize, to);
  putLoad(header.load, to);
}

void appendRefusal(uint32_t id, const RefusalHeader& header, std::string_view message, std::string& to) {
  start(FrameType::kRefusal, id, kRefusalHeaderBytes, message.size(), to);
  put(header.code, to);
  put(header.retryAfterMs, to);
  putLoad(header.load, to);
  to.append(message);
}

void appendCredential(std::string_view credential, std::string& to) {
  start(FrameType::kCredential, 0, 0, credential.size(), to);
  to.append(credential);
}

void appendBare(FrameType type, uint32_t id, std::string& to) { start(type, id, 0, 0, to); }

}  // namespace wire
