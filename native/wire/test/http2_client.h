// Frames of HTTP/2 written by hand, as a gRPC client sends them, and those of a server read back.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace http2 {

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  std::string bytes;
  for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(payload.size() >> shift));
  bytes.push_back(static_cast<char>(type));
  bytes.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(stream >> shift));
  return bytes + payload;
}

// A literal header field that is not indexed; name and value below 127 bytes.
inline std::string header(const std::string& name, const std::string& value) {
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size()) + name;
  return bytes + static_cast<char>(value.size()) + value;
}

// With the acknowledgement of the server's settings: larger frames are allowed from there on.
inline std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(4, 1, 0, "");
}

inline std::string headers(uint32_t stream, const std::string& path, const std::string& more = "") {
  return frame(1, 4, stream,
               header(":method", "POST") + header(":scheme", "http") + header(":path", path) +
                   header(":authority", "x") + header("content-type", "application/grpc") +
                   header("te", "trailers") + more);
}

inline std::string message(const std::string& bytes) {
  std::string prefixed(1, '\0');
  for (const int shift : {24, 16, 8, 0}) prefixed.push_back(static_cast<char>(bytes.size() >> shift));
  return prefixed + bytes;
}

inline std::string data(uint32_t stream, const std::string& payload, bool end) {
  return frame(0, end ? 1 : 0, stream, payload);
}

// A whole unary call in one DATA frame.
inline std::string call(uint32_t stream, const std::string& path, const std::string& bytes) {
  return headers(stream, path) + data(stream, message(bytes), true);
}

// Payloads of DATA by stream, of all whole frames in what a server said.
inline std::map<uint32_t, std::string> answers(const std::string& said) {
  std::map<uint32_t, std::string> found;
  const auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<uint8_t>(said[at])); };
  for (size_t at = 0; at + 9 <= said.size();) {
    const size_t length = (byte(at) << 16) | (byte(at + 1) << 8) | byte(at + 2);
    if (at + 9 + length > said.size()) break;
    const uint32_t stream = (byte(at + 5) << 24) | (byte(at + 6) << 16) | (byte(at + 7) << 8) | byte(at + 8);
    if (byte(at + 3) == 0) found[stream] += said.substr(at + 9, length);
    at += 9 + length;
  }
  return found;
}

}  // namespace http2
