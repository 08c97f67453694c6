// Frames of a link between a frontend and an executor: the same bytes as
// packages/api/src/frames/link-frame.ts, which says what each field means. Little-endian: u32 length of all
// that follows, u8 type, u8 flags (0), u16 header bytes, u32 id, header, body. A reader takes a longer header
// than it knows and leaves the rest of it unread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wire {

enum class FrameType : uint8_t { kInfer = 1, kAnswer = 2, kRefusal = 3, kCancel = 4, kDraining = 5, kGreeting = 6, kCredential = 7 };

// Bytes before the header, and those of them that the length does not count.
constexpr size_t kPrefixBytes = 12;
constexpr size_t kLengthBytes = 4;
constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;
constexpr size_t kInferHeaderBytes = 8 + 1 + 1 + kTraceIdBytes + kSpanIdBytes + 2;
constexpr size_t kLoadBytes = 8 + 8 + 8 + 4;
constexpr size_t kAnswerHeaderBytes = 5 * 8 + 4 + kLoadBytes;
constexpr size_t kRefusalHeaderBytes = 1 + 8 + kLoadBytes;
// The longest credential, and all that is read before one was accepted.
constexpr size_t kCredentialFrameBytesMax = 8 * 1024;
constexpr size_t kHeaderBytesMax = UINT16_MAX;
constexpr size_t kVariantBytesMax = kHeaderBytesMax - kInferHeaderBytes;

// Largest frame unless told otherwise: a message of 64 MiB and its header.
constexpr size_t kFrameBytesMax = size_t{64} * 1024 * 1024 + 64 * 1024;
// Largest body of an answer: a gRPC message of 64 MiB has room for it with all that stands beside it, here
// and at the caller's.
constexpr size_t kAnswerBytesMax = size_t{64} * 1024 * 1024 - 256 * 1024;

struct Load {
  double drainMs = 0;
  double executorUtilisation = 0;
  double memoryFreeBytes = 0;
  uint32_t instanceQueuedRows = 0;
};

// The caller's span of a sampled query.
struct TraceContext {
  bool sampled = false;  // whether the two ids mean anything
  uint8_t traceId[kTraceIdBytes] = {};
  uint8_t spanId[kSpanIdBytes] = {};
};

// Set in InferHeader::lane: the query shares no batch.
constexpr uint8_t kLaneAlone = 0x80;

struct InferHeader {
  double timeoutMs = 0;  // 0: no limit
  uint8_t lane = 0;      // with kLaneAlone
  TraceContext trace;
  std::string_view variant;
};

struct AnswerHeader {
  double queueMs = 0;
  double gatherMs = 0;
  double runMs = 0;
  double scatterMs = 0;
  double executorMs = 0;
  uint32_t batchSize = 0;
  Load load;
};

struct RefusalHeader {
  uint8_t code = 0;         // canonical gRPC code
  double retryAfterMs = 0;  // 0: no advice
  Load load;
};

// What stands before every body.
struct Prefix {
  uint32_t length;  // of the frame, without itself
  uint8_t type;
  uint16_t headerBytes;
  uint32_t id;
};

Prefix readPrefix(const uint8_t* from);

// What is wrong with a prefix, as a sentence; empty when it may be believed. Length first, then header, then
// type.
std::string prefixFault(const Prefix& prefix, size_t frameBytesMax);

// Headers of frames whose prefix is sound; `from` is the header's first byte, `variant` points into it.
bool readInfer(const uint8_t* from, size_t headerBytes, InferHeader& header);  // false: the variant does not fit
AnswerHeader readAnswer(const uint8_t* from);
RefusalHeader readRefusal(const uint8_t* from);

// All up to the body, appended to `to`; the body's bytes follow. A variant is at most kVariantBytesMax long.
void appendInferHead(uint32_t id, const InferHeader& header, size_t bodyBytes, std::string& to);
void appendAnswerHead(uint32_t id, const AnswerHeader& header, size_t bodyBytes, std::string& to);
void appendRefusal(uint32_t id, const RefusalHeader& header, std::string_view message, std::string& to);
// The first frame of a native link whose executor demands the cluster token; the greeting follows.
void appendCredential(std::string_view credential, std::string& to);
void appendBare(FrameType type, uint32_t id, std::string& to);

}  // namespace wire
