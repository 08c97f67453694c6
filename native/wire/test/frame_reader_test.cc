#include "frames/frame_reader.h"

#include <algorithm>

#include "check.h"

using namespace wire;

namespace {

// A request whose only raw tensor is `tensor`.
std::string request(const std::string& tensor) {
  std::string bytes("\x0a\x03mlp\x3a", 6);
  size_t length = tensor.size();
  for (; length >= 0x80; length >>= 7) bytes.push_back(static_cast<char>(length | 0x80));
  bytes.push_back(static_cast<char>(length));
  return bytes + tensor;
}

std::string inferFrame(uint32_t id, const std::string& body) {
  InferHeader header;
  header.variant = "mlp@1";
  std::string bytes;
  appendInferHead(id, header, body.size(), bytes);
  return bytes + body;
}

std::string text(const Bytes& bytes) { return {reinterpret_cast<char*>(bytes.data()), bytes.size()}; }

// Feeds `stream` in pieces of at most `piece` bytes, as a socket would, and answers every frame's body.
std::vector<std::string> readAll(FrameReader& reader, const std::string& stream, size_t piece) {
  std::vector<std::string> bodies;
  for (size_t at = 0; at < stream.size();) {
    const FrameReader::Spaces spaces = reader.spaces();
    size_t count = std::min({piece, stream.size() - at, spaces.first.bytes + spaces.second.bytes});
    const size_t first = std::min(count, spaces.first.bytes);
    std::memcpy(spaces.first.data, stream.data() + at, first);
    if (count > first) std::memcpy(spaces.second.data, stream.data() + at + first, count - first);
    reader.filled(count);
    at += count;
    for (Frame frame; reader.next(frame);) bodies.push_back(text(frame.body));
    if (!reader.fault().empty()) break;
  }
  return bodies;
}

std::string faultOf(const std::string& stream, size_t frameBytesMax = 1000) {
  FrameReader reader(frameBytesMax);
  readAll(reader, stream, stream.size());
  return reader.fault();
}

}  // namespace

TEST("frames come out whole however they were cut") {
  std::string stream;
  std::vector<std::string> bodies;
  for (uint32_t id = 0; id < 40; id++) {
    bodies.push_back(request(std::string((id * 977) % 5000 + (id == 20 ? 300000 : 0), static_cast<char>(id))));
    stream += inferFrame(id, bodies.back());
  }
  for (const size_t piece : {1, 3, 1000, 65536, 10000000}) {
    FrameReader reader;
    CHECK(readAll(reader, stream, piece) == bodies);
    CHECK(reader.fault().empty());
  }
}

TEST("a request's tensor is aligned, whether it came at once or in pieces") {
  const std::string stream = inferFrame(1, request(std::string(200000, 'x')));
  for (const size_t piece : {100, 4000, 1000000}) {
    FrameReader reader;
    for (size_t at = 0; at < stream.size();) {
      const FrameReader::Spaces spaces = reader.spaces();
      const size_t count = std::min({piece, stream.size() - at, spaces.first.bytes});
      std::memcpy(spaces.first.data, stream.data() + at, count);
      reader.filled(count);
      at += count;
      Frame frame;
      if (!reader.next(frame)) continue;
      const size_t data = frame.body.size() - 200000;
      CHECK(reinterpret_cast<uintptr_t>(frame.body.data() + data) % kTensorAlignment == 0);
      CHECK(at == stream.size());
    }
  }
}

TEST("the rest of a large body is received into its own memory") {
  const std::string stream = inferFrame(1, request(std::string(1 << 20, 'x')));
  FrameReader reader;
  const FrameReader::Spaces head = reader.spaces();
  std::memcpy(head.first.data, stream.data(), 2000);
  reader.filled(2000);
  Frame frame;
  CHECK(!reader.next(frame));
  const FrameReader::Spaces body = reader.spaces();
  CHECK(body.first.bytes == stream.size() - 2000);
  CHECK(body.second.bytes > 0);
}

TEST("the variant of a frame is there after the next bytes came") {
  const std::string stream = inferFrame(7, request(std::string(1000, 'x')));
  FrameReader reader;
  for (size_t at = 0; at < stream.size(); at++) {
    *reader.spaces().first.data = static_cast<uint8_t>(stream[at]);
    reader.filled(1);
    Frame frame;
    if (reader.next(frame)) CHECK(frame.infer.variant == "mlp@1" && frame.id == 7);
  }
}

TEST("a header that a newer sender made longer is taken") {
  std::string stream;
  appendBare(FrameType::kCancel, 4, stream);
  stream[0] = 11;
  stream[6] = 3;
  stream += "abc";
  FrameReader reader;
  CHECK(readAll(reader, stream, 5).size() == 1);
}

TEST("garbage is told by its sentence, and the reader stays broken") {
  std::string cancel;
  appendBare(FrameType::kCancel, 4, cancel);
  const auto changed = [&](size_t at, const std::string& to) {
    std::string frame = cancel;
    return frame.replace(at, to.size(), to);
  };
  CHECK(faultOf(changed(0, std::string("\x03\0\0\0", 4))) == "frame of 3 bytes, allowed are 8 to 1000");
  CHECK(faultOf("GET / HTTP/1.1") == "frame of 542393671 bytes, allowed are 8 to 1000");
  CHECK(faultOf(changed(4, "\x4d")) == "frame type 77 is not known");
  CHECK(faultOf(changed(6, "\xf4\x01")) == "frame of type 4 has a header of 500 bytes in 0");
  CHECK(faultOf(changed(4, "\x02")) == "frame of type 2 has a header of only 0 bytes");
  std::string infer = inferFrame(1, "");
  infer[kPrefixBytes + kInferHeaderBytes - 2] = 6;
  CHECK(faultOf(infer) == "frame has a variant name that is longer than its header");
  FrameReader reader(1000);
  readAll(reader, changed(4, "\x4d"), 100);
  CHECK(readAll(reader, cancel, 100).empty() && !reader.fault().empty());
}

MAIN_OF_TESTS
