// Cuts the bytes of a connection into frames. It says where the next bytes are to be received, so that a body is read
// straight into memory of its own; headers and small frames come together through one buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "frames/bytes.h"
#include "frames/frame.h"

namespace wire {

// One frame. Only the header of its own type is filled in; `infer.variant` is valid until the next call of the reader.
struct Frame {
  FrameType type = FrameType::kCancel;
  uint32_t id = 0;
  InferHeader infer;
  AnswerHeader answer;
  RefusalHeader refusal;
  Bytes body;  // of an infer frame: its first raw tensor is aligned when the request's head came in one piece with it
};

// Room for received bytes.
struct Space {
  uint8_t* data = nullptr;
  size_t bytes = 0;
};

class FrameReader {
 public:
  explicit FrameReader(size_t frameBytesMax = kFrameBytesMax);
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // The largest frame from the next one on.
  void allow(size_t frameBytesMax) { frameBytesMax_ = frameBytesMax; }

  // Where the next bytes go, at most `bytesMax` and at least one: the first space is to be filled before the second, which may
  // be empty. Valid until `filled`.
  struct Spaces {
    Space first;
    Space second;
  };
  Spaces spaces(size_t bytesMax = SIZE_MAX);

  // Tells how many bytes were put there; call `next` until it answers no frame.
  void filled(size_t count);

  // The next whole frame into `frame`. False: none is there, or the stream is broken (see fault).
  bool next(Frame& frame);

  // Bytes that the body begun is still waiting for; 0 between frames.
  size_t bodyRest() const { return begun_ ? frame_.body.size() - bodyFilled_ : 0; }

  // Bytes of the body begun that have come; 0 between frames.
  size_t bodyFilled() const { return begun_ ? bodyFilled_ : 0; }
  // Why the connection must be cut; empty while all is well. It stays.
  const std::string& fault() const { return fault_; }

 private:
  bool begin();
  bool finish(Frame& frame);
  size_t held() const { return end_ - at_; }

  size_t frameBytesMax_;
  std::unique_ptr<uint8_t[]> buffer_;
  size_t at_ = 0;   // what of the buffer was used
  size_t end_ = 0;  // what of it was received
  bool begun_ = false;  // `frame_` is known and waits for its body
  Frame frame_;
  size_t bodyFilled_ = 0;
  std::string variant_;
  std::string fault_;
};

}  // namespace wire
