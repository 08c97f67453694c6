// The sockets of one process in one epoll descriptor, which an event loop watches.
#pragma once

#include <cstdint>

namespace wire {

// One socket's reader. It must stay alive until `dispatch` has returned, also when it is removed meanwhile.
class Pollable {
 public:
  virtual ~Pollable() = default;
  // Flags as epoll has them.
  virtual void ready(uint32_t flags) = 0;
};

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  int descriptor() const { return epoll_; }
  void add(int socket, Pollable* reader, uint32_t flags);
  void change(int socket, Pollable* reader, uint32_t flags);
  void remove(int socket);
  // Tells each socket that is ready, once; waits up to `timeoutMs` for the first.
  void dispatch(int timeoutMs = 0);

 private:
  int epoll_;
};

}  // namespace wire
