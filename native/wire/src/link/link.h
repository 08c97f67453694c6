// The frontend's end of a link over plain TCP: queries out, answers in, told apart by id (docs/decisions/0003).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frames/frame_reader.h"
#include "net/event.h"
#include "net/outbox.h"
#include "sockets/poller.h"

namespace wire {

class Links;

class Link : public Pollable {
 public:
  // Takes a connecting socket over.
  Link(Links& links, int32_t number, int socket);
  ~Link() override;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void ready(uint32_t flags) override;
  // Sends the credential frame, before any other.
  void present(std::string_view credential);
  // The body is `parts` pieces in order.
  void send(uint32_t id, const InferHeader& header, const Piece* body, size_t parts);
  void cancel(uint32_t id);
  // What waits to be sent, and what has come of a frame that is not whole.
  size_t heldBytes() const { return outbox_.bytes() + reader_.bodyFilled(); }
  void flush();
  bool broken() const { return broken_; }
  int32_t number() const { return number_; }

 private:
  friend class Links;
  void read();
  void take(Frame& frame);
  void breakOff();

  Links& links_;
  const int32_t number_;
  const int socket_;
  FrameReader reader_;
  Outbox outbox_;
  std::string head_;
  bool up_ = false;
  bool writeBlocked_ = false;
  bool broken_ = false;
  bool dirty_ = false;  // to be flushed
};

// All links of a process. Numbers are not used again.
class Links {
 public:
  Links(Poller& poller, Events& events) : poller_(poller), events_(events) {}

  // `ip` is an address, `credential` what the executor may ask for, empty = nothing. -1 when no socket can be had: `why` says the reason. `kLinkUp` or `kLinkDown` follows.
  int32_t open(const std::string& ip, uint16_t port, std::string_view credential, std::string& why);
  // Null when it is closed or broken.
  Link* find(int32_t number) const;
  // Cuts it off; nothing more is told of it.
  void close(int32_t number);
  void closeAll() { links_.clear(); }
  size_t heldBytes() const;
  void flush();

 private:
  friend class Link;
  void dirty(Link& link);
  Event& tell(EventKind kind, const Link& link);

  Poller& poller_;
  Events& events_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Link>> closed_;  // until the poller has told all it had found
  std::vector<int32_t> dirty_;
  int32_t nextNumber_ = 0;
};

}  // namespace wire
