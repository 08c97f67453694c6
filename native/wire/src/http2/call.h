// One gRPC call from its headers to its status.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http2/credentials.h"
#include "http2/ledger.h"
#include "layouts/event_layout.h"
#include "net/buffer.h"

namespace wire {

class Connection;

constexpr size_t kMessagePrefixBytes = 5;

// What holding costs beside the bytes themselves, estimated: a call with its stream, here and in
// JavaScript; a message that was received; a piece that waits to be sent.
constexpr size_t kCallBytes = 2'048;
constexpr size_t kMessageBytes = 160;
constexpr size_t kPieceBytes = 96;
// Of the room for a message as much is resident as was written to, in whole pages.
constexpr size_t kPageBytes = 4'096;

struct Message {
  Piece bytes;
  bool compressed = false;
};

// What of a call starts anew with every call. Absent numbers are -1.
struct CallState {
  // Of the stream; null once it is closed.
  Connection* connection = nullptr;
  int32_t stream = 0;
  size_t place = 0;        // among the connection's calls
  bool announced = false;  // JavaScript knows it and has not let go
  bool asked = false;      // JavaScript was asked whether it may be made
  int32_t credential = Credentials::kNone;

  // Headers.
  double beganMs = 0;  // on the server's clock
  size_t headerBytes = 0;
  double deadlineMs = -1;  // on the server's clock
  Encoding encoding = Encoding::kIdentity;
  bool isPost = false;
  bool isGrpc = false;
  bool badTimeout = false;
  bool hasMetadata = false;  // beyond what every client sends
  bool hasTrace = false;     // a traceparent is among it
  bool opened = false;       // headers were complete
  int32_t method = -1;
  MethodKind kind = MethodKind::kUnary;

  // What comes in.
  uint8_t prefix[kMessagePrefixBytes] = {};
  size_t prefixGot = 0;
  size_t filled = 0;      // of the message being received
  size_t expected = 0;    // its whole size; room is made for it as it comes
  size_t unconsumed = 0;  // received, but not yet given back to the peer's window
  // On the account of its caller: for being there, for what was received and not taken, for what was not
  // sent.
  std::shared_ptr<Ledger::Share> share;
  size_t baseBytes = 0;
  size_t inputBytes = 0;
  size_t incomingBytes = 0;  // of that, the message being received
  size_t workBytes = 0;  // of that, what came whole; of a stream nothing
  size_t outputBytes = 0;
  bool inputEnded = false;

  // What goes out.
  size_t outgoingBytes = 0;
  bool responded = false;  // headers were submitted
  bool deferred = false;   // the session waits to be resumed
  bool stalled = false;    // the connection's outbox is full
  bool ended = false;      // the status is known
  bool wantsDrain = false;

  const uint8_t* id = nullptr;  // of a ModelInferRequest, within its message
  size_t idBytes = 0;
};

// Kept when the call is over, and used for another.
struct Call : CallState {
  size_t index = 0;
  uint32_t generation = 0;
  std::string path;
  Presented presented;   // where tokens tell who calls
  std::string metadata;  // name NUL value NUL ...
  std::string trailers;  // likewise
  Message incoming;      // being received
  std::deque<Message> inbox;
  std::deque<Piece> outgoing;
};

// All calls of a server. A handle names one until it is let go; a stale one names none.
class Calls {
 public:
  // Null when too many are open.
  Call* open();
  void close(Call* call);
  Call* find(int32_t handle) const;
  // One that was asked about and is still there.
  Call* findAsked(int32_t handle) const;
  static int32_t handleOf(const Call& call);
  // JavaScript has let go: its handle is stale from now on.
  static void forget(Call& call);

  template <typename Visit>
  void each(Visit visit) const {
    for (const auto& call : calls_)
      if (call->connection != nullptr) visit(*call);
  }
  size_t openCount() const { return calls_.size() - free_.size(); }

 private:
  Call* at(int32_t handle) const;
  static void retire(Call& call);

  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> free_;
};

}  // namespace wire
