// A server that runs only while `turn` is called, for tests that speak to it byte by byte.
#pragma once

#include <cstdio>
#include <string>

#include "http2/server.h"
#include "sockets/sockets.h"

namespace wire {

constexpr char kNghttp2[] = "libnghttp2.so.14";
constexpr ServerLimits kLimits{1 << 20, 8 << 20, 1 << 20, 100, 8'192, 64, 4 << 20, 20'000, 60'000, 1'800'000, 7'200'000, 20'000, 60'000};

// A server on loopback that echoes what Say is sent, keeps what Hold is sent and takes nothing of Listen;
// runs only while `turn` is called.
class Echo {
 public:
  explicit Echo(const ng::Api& api, const ServerLimits& limits = kLimits) : server_(api, poller_, events_, limits) {
    server_.add("/t.T/Say", MethodKind::kUnary);
    server_.add("/t.T/Infer", MethodKind::kInfer);
    hold_ = server_.add("/t.T/Hold", MethodKind::kUnary);
    server_.add("/t.T/Chat", MethodKind::kStream);
    listen_ = server_.add("/t.T/Listen", MethodKind::kStream);
    std::string why;
    server_.listen(listenOn("127.0.0.1", port_, why));
  }

  void turn() {
    poller_.dispatch(1);
    server_.flush();
    while (!events_.empty()) {
      Events batch;
      batch.swap(events_);
      for (const Event& event : batch) handle(event);
      server_.heads().turn();
      server_.flush();
    }
  }

  Server& server() { return server_; }
  uint16_t port() const { return port_; }
  int cancelled = 0;
  int asked = 0;
  size_t heldWhenAsked = 0;  // about a caller who was asked about last
  int handshakesFailed = 0;
  std::string handshakeFault;  // of the first that were told last

 private:
  // Lets in who says nothing, or what begins with "good", each value a tenant of its own.
  void decide(Call& call) {
    if (!call.presented.came || call.presented.value.rfind("good", 0) == 0) server_.admit(call, call.presented.value);
    else server_.refuse(call, 16, "who are you", {});
  }

  void handle(const Event& event) {
    if (event.kind == EventKind::kHandshakesFailed) {
      handshakesFailed += static_cast<int>(event.numbers[event_layout::kCount]);
      handshakeFault.assign(reinterpret_cast<const char*>(event.bytes.data), event.bytes.size);
    }
    const bool asks = event.kind == EventKind::kAsked;
    Call* call = asks ? server_.findAsked(event.subject) : server_.find(event.subject);
    if (call == nullptr) return;
    switch (event.kind) {
      case EventKind::kInfer: {
        const Piece body = call->inbox.front().bytes;
        server_.write(*call, &body, 1);
        server_.finish(*call, 0, {}, {});
        return;
      }
      case EventKind::kUnary:
      case EventKind::kMessage: {
        const auto method = static_cast<int32_t>(event.numbers[event_layout::kMethod]);
        if (method == hold_ || method == listen_) return;
        const Message message = server_.take(*call);
        server_.write(*call, &message.bytes, 1);
        if (event.kind == EventKind::kUnary) server_.finish(*call, 0, {}, {});
        return;
      }
      case EventKind::kHalfClosed:
        server_.finish(*call, 0, {}, {});
        return;
      case EventKind::kAsked:
        asked++;
        heldWhenAsked = server_.heldBytes();
        decide(*call);
        return;
      case EventKind::kCancelled:
        cancelled++;
        server_.release(*call);
        return;
      default:
        return;
    }
  }

  Poller poller_;
  Events events_;
  Server server_;
  int32_t hold_;
  int32_t listen_;
  uint16_t port_ = 0;
};

inline const ng::Api* library() {
  std::string why;
  const ng::Api* api = ng::api(why, kNghttp2);
  if (api == nullptr) std::printf("SKIPPED: %s\n", why.c_str());
  return api;
}

inline std::string patterned(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<char>(i * 31 + (i >> 8));
  return bytes;
}

}  // namespace wire
