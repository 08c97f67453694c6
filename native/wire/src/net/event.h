// What JavaScript is told: events are collected while sockets are read, and handed over together.
#pragma once

#include <vector>

#include "layouts/event_layout.h"
#include "net/buffer.h"

namespace wire {

struct Event {
  EventKind kind = EventKind::kInfer;
  int32_t subject = 0;  // handle of a call, or number of a link or a credential
  double numbers[event_layout::kStride] = {};
  Piece bytes;  // an answer's body, a refusal's message or a handshake's fault; valid while the event is handled
};

using Events = std::vector<Event>;

}  // namespace wire
