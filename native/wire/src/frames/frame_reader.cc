#include "frames/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "frames/infer_scan.h"

namespace wire {

namespace {

// Received at a time beside a body: a few dozen small frames. What of a large body comes with it is copied once more.
constexpr size_t kReceiveBytes = 32 * 1024;
// How much of a request must be there before its memory is chosen: names, shapes and parameters of most.
constexpr size_t kPeekBytes = 512;
// Whole prefix, header and peek always fit behind whatever was received before them.
constexpr size_t kBufferBytes = kPrefixBytes + kHeaderBytesMax + kPeekBytes + kReceiveBytes;

}  // namespace

FrameReader::FrameReader(size_t frameBytesMax)
    : frameBytesMax_(frameBytesMax), buffer_(new uint8_t[kBufferBytes]) {}

FrameReader::Spaces FrameReader::spaces(size_t bytesMax) {
  if (at_ == end_) {
    at_ = end_ = 0;
  } else if (kBufferBytes - end_ < kReceiveBytes) {
    std::memmove(buffer_.get(), buffer_.get() + at_, held());
    end_ -= at_;
    at_ = 0;
  }
  const size_t most = std::max(bytesMax, size_t{1});
  const Space rest{buffer_.get() + end_, std::min({kReceiveBytes, kBufferBytes - end_, most})};
  if (!begun_) return {rest, {}};
  const size_t bodyBytes = std::min(bodyRest(), most);
  return {{frame_.body.data() + bodyFilled_, bodyBytes}, {rest.data, std::min(rest.bytes, most - bodyBytes)}};
}

void FrameReader::filled(size_t count) {
  if (begun_) {
    const size_t ofBody = std::min(count, frame_.body.size() - bodyFilled_);
    bodyFilled_ += ofBody;
    count -= ofBody;
  }
  end_ += count;
}

bool FrameReader::next(Frame& frame) {
  if (!fault_.empty()) return false;
  if (!begun_ && !begin()) return false;
  return bodyFilled_ == frame_.body.size() && finish(frame);
}

// Reads prefix and header once they are there, and sets memory aside for the body.
bool FrameReader::begin() {
  if (held() < kLengthBytes) return false;
  const uint8_t* from = buffer_.get() + at_;
  // The length alone is judged first: what is no link at all is cut off after four bytes.
  Prefix prefix{};
  std::memcpy(&prefix.length, from, kLengthBytes);
  constexpr size_t least = kPrefixBytes - kLengthBytes;
  const bool believable = prefix.length >= least && prefix.length <= frameBytesMax_;
  if (believable && held() < kPrefixBytes) return false;
  if (believable) prefix = readPrefix(from);
  fault_ = prefixFault(prefix, frameBytesMax_);
  if (!fault_.empty()) return false;
  const size_t headBytes = kPrefixBytes + prefix.headerBytes;
  const size_t bodyBytes = prefix.length - least - prefix.headerBytes;
  const FrameType type = static_cast<FrameType>(prefix.type);
  const size_t peekBytes = type == FrameType::kInfer ? std::min(bodyBytes, kPeekBytes) : 0;
  if (held() < headBytes + peekBytes) return false;

  frame_.type = type;
  frame_.id = prefix.id;
  const uint8_t* header = from + kPrefixBytes;
  if (type == FrameType::kInfer) {
    if (!readInfer(header, prefix.headerBytes, frame_.infer)) {
      fault_ = "frame has a variant name that is longer than its header";
      return false;
    }
    variant_.assign(frame_.infer.variant);
    frame_.infer.variant = variant_;
  } else if (type == FrameType::kAnswer) {
    frame_.answer = readAnswer(header);
  } else if (type == FrameType::kRefusal) {
    frame_.refusal = readRefusal(header);
  }
  at_ += headBytes;
  const uint8_t* body = buffer_.get() + at_;
  bodyFilled_ = std::min(bodyBytes, held());
  const size_t alignedAt = type == FrameType::kInfer ? firstRawOffset(body, bodyFilled_) : 0;
  try {
    if (bodyBytes > 0) frame_.body = Bytes::allocate(bodyBytes, alignedAt);
  } catch (const std::bad_alloc&) {
    fault_ = "no memory for a frame of " + std::to_string(prefix.length) + " bytes";
    return false;
  }
  if (bodyFilled_ > 0) std::memcpy(frame_.body.data(), body, bodyFilled_);
  at_ += bodyFilled_;
  begun_ = true;
  return true;
}

bool FrameReader::finish(Frame& frame) {
  begun_ = false;
  bodyFilled_ = 0;
  frame.type = frame_.type;
  frame.id = frame_.id;
  frame.infer = frame_.infer;
  frame.answer = frame_.answer;
  frame.refusal = frame_.refusal;
  frame.body = std::move(frame_.body);
  frame_.body = Bytes();
  return true;
}

}  // namespace wire
