// A gRPC server on HTTP/2: sockets in, events out. Everything runs on the thread that dispatches the poller;
// nothing calls back.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/event.h"
#include "http2/infer_head.h"
#include "sockets/poller.h"
#include "net/tls_context.h"
#include "http2/call.h"
#include "http2/credentials.h"
#include "http2/handshake_faults.h"
#include "http2/ledger.h"
#include "http2/nghttp2.h"

namespace wire {

class Connection;

// Every limit; ServerLimits in packages/runtime says the defaults and why.
struct ServerLimits {
  size_t messageMaxBytes;
  uint32_t receiveWindowBytes;
  uint32_t maxFrameBytes;
  uint32_t maxConcurrentStreams;
  size_t headerMaxBytes;
  size_t connectionsMax;
  size_t heldMaxBytes;  // of all that came and was not taken, and of all that was not sent
  double handshakeMaxMs;
  double requestMaxMs;
  double idleMaxMs;
  double keepaliveMs;
  double keepaliveTimeoutMs;
  double unreadMaxMs;  // how long a client may take nothing of what waits for it
};

// What limits turned away since the start.
struct Refusals {
  uint64_t connections = 0;  // beyond connectionsMax
  uint64_t bytes = 0;        // calls whose request went beyond heldMaxBytes
  uint64_t time = 0;         // calls whose request had not come whole after requestMaxMs
};

// Canonical codes that the transport itself answers with.
enum class Code : int32_t {
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kResourceExhausted = 8,
  kUnimplemented = 12,
};

class Server {
 public:
  Server(const ng::Api& api, Poller& poller, Events& events, ServerLimits limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves `path`; returns the number that events name it by.
  int32_t add(std::string path, MethodKind kind);
  // Asks about calls from now on (kAsked); `tokens`: `authorization` tells callers apart, not their
  // connections alone.
  void guard(bool tokens);
  // What was admitted so far has to be asked again.
  void askAnew() { credentials_.askAnew(); }
  // Speaks TLS with those who connect from now on.
  void secure(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }
  // Takes over a bound and listening socket.
  void listen(int socket);
  void stopListening();
  // Refuses new calls; see Connection.
  void shutDown(bool last);
  void closeAll();

  // Once after every batch of events, and whenever something was written.
  void flush();
  // Deadlines, and once in a while silent connections.
  void sweep();
  // Some open call has a deadline.
  bool watchesDeadlines() const { return deadlines_ > 0; }
  // Of requests that were received, or are being so, and of answers that were not sent, with their overhead.
  size_t heldBytes() const { return ledger_.heldBytes(); }
  const Refusals& refusals() const { return refusals_; }
  size_t openCalls() const { return calls_.openCount(); }
  size_t connections() const { return connections_.size(); }
  // What is remembered of who calls.
  size_t credentials() const { return credentials_.count(); }

  // What JavaScript does about a call that was asked about.
  Call* findAsked(int32_t handle) const { return calls_.findAsked(handle); }
  // `tenant`: whom what it holds is counted for, where tokens tell callers apart.
  void admit(Call& call, const std::string& tenant);
  void refuse(Call& call, int32_t code, std::string_view message, std::string_view trailers);

  // What JavaScript does to a call. All do nothing for a stale handle.
  Call* find(int32_t handle) const { return calls_.find(handle); }
  // The next message, taken out.
  Message take(Call& call);
  // Sends a message in parts behind a prefix. False when what waits is above the mark: `kDrained` will tell.
  bool write(Call& call, const Piece* parts, size_t count);
  // Ends the call; `trailers` as Call::metadata. Lets go of it.
  void finish(Call& call, int32_t code, std::string_view message, std::string_view trailers);
  // Lets go of a call that was cancelled.
  void release(Call& call);
  InferHeads& heads() { return heads_; }

 private:
  friend class Connection;

  struct Method {
    std::string path;
    MethodKind kind;
  };

  class Listener;

  // Of connections.
  void accept(Listener& listener);
  size_t makeWay();
  Call* openCall(Connection& connection, int32_t stream);
  void headersDone(Call& call);
  void ask(Call& call);
  void inputEnded(Call& call);
  void receive(Call& call, const uint8_t* data, size_t size);
  void streamClosed(Call& call);
  void tell(EventKind kind, const Call& call);
  void tellCancelled(const Call& call, Code code);
  void fail(Call& call, Code code, std::string_view message);
  void dirty(Connection& connection);
  double nowMs() const { return nowMs_; }
  uint8_t* scratch() { return scratch_.data(); }
  size_t scratchBytes() const { return scratch_.size(); }

  bool beginMessage(Call& call);
  bool makeRoom(Call& call, size_t bytes);
  bool holdIncoming(Call& call, size_t filled, size_t room);
  void failOverfull(Call& call);
  void messageDone(Call& call);
  void announceUnary(Call& call);
  bool announceInfer(Call& call);
  void end(Call& call, int32_t code, std::string_view message, std::string_view trailers);
  void close(Call& call);
  void charge(Call& call, const std::shared_ptr<Ledger::Share>& share);
  void resumeReading();
  void forgetUnread(const Connection& connection);
  void letGoInput(Call& call, size_t bytes);
  void letGoWork(Call& call, size_t bytes);
  void letGoOutput(Call& call, size_t bytes);
  void reap();

  const ng::Api& ng_;
  Poller& poller_;
  Events& events_;
  ServerLimits limits_;
  std::vector<std::unique_ptr<Method>> methods_;
  std::unordered_map<std::string_view, int32_t> byPath_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_;
  std::vector<Connection*> unread_;  // whose callers hold their share, and may be read again
  Ledger ledger_;
  Calls calls_;
  Credentials credentials_;
  std::shared_ptr<const TlsContext> tls_;  // null: in the clear
  HandshakeFaults handshakeFaults_;
  bool guarded_ = false;
  bool tokens_ = false;
  InferHeads heads_;
  std::string head_;
  std::vector<uint8_t> scratch_;
  Refusals refusals_;
  size_t deadlines_ = 0;
  size_t leaving_ = 0;   // connections that were cut off and are there still
  bool paused_ = false;  // nothing is accepted
  double nowMs_;
  double attendedMs_ = 0;
};

// Milliseconds of the monotonic clock.
double steadyMs();

}  // namespace wire
