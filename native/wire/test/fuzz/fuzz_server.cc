// What the bytes of a peer go through on the server's port: HTTP/2, headers, messages, heads of requests.
#include "fuzz_target.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "echo_server.h"
#include "http2/grpc_text.h"
#include "http2/infer_head.h"
#include "http2_client.h"
#include "sockets/sockets.h"

using namespace wire;

namespace {

// Turns in which a server has to be done with what it was sent, and with a connection that is gone.
constexpr int kTurnsMax = 3;

void require(bool holds) {
  if (!holds) std::abort();
}

const ng::Api* api() {
  static const ng::Api* const found = library();
  return found;
}

void converse(const std::string& bytes, size_t step) {
  static Echo echo(*api());
  std::string why;
  const int socket = connectTo("127.0.0.1", echo.port(), why);
  if (socket < 0) return;
  size_t sent = 0;
  for (int turns = 0; turns < kTurnsMax || sent < bytes.size(); turns++) {
    const ssize_t count = send(socket, bytes.data() + sent, std::min(step, bytes.size() - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += static_cast<size_t>(count);
    echo.turn();
    char said[4096];
    const ssize_t heard = recv(socket, said, sizeof said, MSG_DONTWAIT);
    if (heard == 0 || (count < 0 && turns > kTurnsMax)) break;
  }
  close(socket);
  for (int turns = 0; turns < kTurnsMax && echo.server().connections() > 0; turns++) echo.turn();
  require(echo.server().connections() == 0);
  require(echo.server().openCalls() == 0);
  require(echo.server().heldBytes() == 0);
}

// A head is what is left of a request without its id and tensors: it reads as the whole does.
void split(const uint8_t* data, size_t size) {
  std::string head;
  InferParts parts;
  if (!splitInferRequest(data, size, head, parts)) return;
  require(head.size() <= kHeadMaxBytes && head.size() <= size);
  require(parts.id == nullptr || (parts.id >= data && parts.id + parts.idBytes <= data + size));
  static wire::InferHeads heads;
  const InferHeads::Found found = heads.find(head);
  require(found.number < static_cast<int32_t>(InferHeads::kHeadsMax));
  if (found.number >= 0) require(heads.head(static_cast<size_t>(found.number)) == head);
  heads.turn();
}

void texts(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::optional<double> timeoutMs = parseTimeout(text);
  if (timeoutMs) require(*timeoutMs >= 0 && *timeoutMs < 4e14);
  const std::string encoded = percentEncode(text);
  require(encoded.size() >= size && encoded.size() <= 3 * size);
  require(std::all_of(encoded.begin(), encoded.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

std::string data(uint32_t stream, const std::string& payload, uint8_t flags = 0) {
  return http2::frame(0, flags, stream, payload);
}

}  // namespace

// Behind the preface of a connection, and as a request by itself: once the connection is gone, nothing of it may be held.
// Without nghttp2 it does nothing.
void fuzzTarget(const uint8_t* data, size_t size) {
  if (size == 0 || api() == nullptr) return;
  const size_t steps[] = {1 << 20, 1, 100, 5'000};
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  split(data + 1, size - 1);
  texts(data + 1, std::min<size_t>(size - 1, 64));
  // The first byte says in which pieces it comes, and whether it is all, or follows the preface.
  converse(data[0] & 4 ? bytes : http2::preface() + bytes, steps[data[0] & 3]);
}

// Streams: calls of every kind, whole, cut off, reset, padded, with metadata, and what is no call.
std::vector<std::string> fuzzSeeds() {
  using http2::frame;
  using http2::header;
  using http2::headers;
  const std::string said = http2::message("said");
  const std::string request("\x0a\x05model\x1a\x02id\x2a\x0d\x0a\x01x\x12\x04" "FP32\x1a\x02\x01\x04\x3a\x04\0\0\0\0", 32);
  std::vector<std::string> streams = {
      http2::call(1, "/t.T/Say", "hello"),
      http2::call(1, "/t.T/Infer", request),
      http2::call(1, "/t.T/Hold", "kept") + frame(3, 0, 1, std::string("\0\0\0\x08", 4)),
      headers(1, "/t.T/Chat") + data(1, said) + data(1, said + said.substr(0, 7)) + data(1, said.substr(7), 1),
      headers(1, "/t.T/Say", header("grpc-timeout", "5m") + header("x-a", "b") + header("x-a-bin", "AAEC")) + data(1, said, 1),
      headers(1, "/t.T/Say", header("grpc-encoding", "gzip")) + data(1, std::string("\x01\0\0\0\x02\x1f\x8b", 7), 1),
      headers(1, "/t.T/Say", header("authorization", "good")) + data(1, said, 1),
      headers(1, "/no/such") + data(1, said, 1) + http2::call(3, "/t.T/Say", "next"),
      headers(1, "/t.T/Say") + data(1, std::string(1, '\3') + said + "pad", 9),
      headers(1, "/t.T/Say") + data(1, said) + frame(1, 5, 1, header("x-trailer", "last")),
      headers(1, "/t.T/Say") + data(1, std::string("\0\xff\xff\xff\xff", 5), 1),
      frame(1, 0, 1, header(":method", "POST")) + frame(9, 4, 1, header(":path", "/t.T/Say")),
      frame(6, 0, 0, std::string(8, 'p')) + frame(4, 0, 0, std::string("\0\4\0\0\xff\xff", 6)) + frame(8, 0, 0, std::string("\0\0\1\0", 4)),
      frame(2, 0, 1, std::string(5, '\0')) + frame(7, 0, 0, std::string(8, '\0')) + frame(0xfa, 7, 1, "unknown"),
      headers(2, "/t.T/Say") + headers(1, "/t.T/Say") + headers(1, "/t.T/Say"),
  };
  std::string all;
  for (size_t i = 0; i < streams.size(); i++) all += http2::call(static_cast<uint32_t>(2 * i + 1), "/t.T/Say", "more");
  streams.push_back(all);
  std::vector<std::string> seeds;
  for (const std::string& stream : streams) seeds.push_back(std::string(1, '\0') + stream);
  seeds.push_back(std::string(1, '\2') + all);
  seeds.push_back("\x04" + http2::preface() + all);
  seeds.push_back("\x04GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  seeds.push_back(std::string(1, '\0') + request);
  return seeds;
}
