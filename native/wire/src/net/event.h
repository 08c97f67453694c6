// What JavaScript is told: events are collected while sockets are read, and handed over together.
#pragma once

#include <cstdint>
#include <vector>

#include "net/buffer.h"

namespace wire {

// The same numbers stand in lib/event-layout.ts.
enum class EventKind : int32_t {
  kInfer = 0,       // a whole ModelInfer request whose head is known or small
  kUnary = 1,       // a whole request of a method with one message
  kOpened = 2,      // a call whose messages follow one by one
  kMessage = 3,     // one of them can be taken
  kHalfClosed = 4,  // the last of them has come
  kCancelled = 5,   // the caller is gone or its deadline has passed; `release` the call
  kDrained = 6,     // what was written has left
  kLinkUp = 7,
  kLinkDown = 8,
  kLinkDraining = 9,
  kAnswer = 10,
  kRefusal = 11,
  kAsked = 12,      // may this call be made? `admit` or `refuse` it; nothing else of it was told before
  kForgotten = 13,  // a credential's number means nothing any more
  kHandshakesFailed = 14,
};

constexpr size_t kEventNumbers = 12;

struct Event {
  EventKind kind = EventKind::kInfer;
  int32_t subject = 0;  // handle of a call, or number of a link or a credential
  double numbers[kEventNumbers] = {};
  Piece bytes;  // an answer's body, a refusal's message or a handshake's fault; valid while the event is handled
};

using Events = std::vector<Event>;

}  // namespace wire
