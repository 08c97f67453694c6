// TLS handshakes that failed, reported at intervals, so that a client that keeps failing does not fill the log.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "net/event.h"

namespace wire {

class HandshakeFaults {
 public:
  void note(const std::string& peer, std::string_view why) {
    if (count_++ > 0) return;
    first_ = peer + ": ";
    first_ += why.empty() ? "it hung up" : why;
  }

  void tell(Events& events, double nowMs) {
    if (count_ == 0 || nowMs - toldMs_ < kPeriodMs) return;
    toldMs_ = nowMs;
    BufferRef text = BufferRef::make(first_.size());
    std::memcpy(text.data(), first_.data(), first_.size());
    Event& event = events.emplace_back();
    event.kind = EventKind::kHandshakesFailed;
    event.numbers[event_layout::kCount] = static_cast<double>(std::exchange(count_, 0));
    event.bytes = Piece::whole(std::move(text));
  }

 private:
  static constexpr double kPeriodMs = 10'000;

  size_t count_ = 0;  // not told yet
  std::string first_;
  double toldMs_ = -kPeriodMs;
};

}  // namespace wire
