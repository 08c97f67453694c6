#include "sockets/poller.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace wire {

namespace {

// More sockets than that are served in the next turn: the descriptor stays readable.
constexpr int kReadyMax = 256;

}  // namespace

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Poller::~Poller() { close(epoll_); }

void Poller::add(int socket, Pollable* reader, uint32_t flags) {
  epoll_event event{};
  event.events = flags;
  event.data.ptr = reader;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void Poller::change(int socket, Pollable* reader, uint32_t flags) {
  epoll_event event{};
  event.events = flags;
  event.data.ptr = reader;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, socket, &event);
}

void Poller::remove(int socket) { epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr); }

void Poller::dispatch(int timeoutMs) {
  epoll_event ready[kReadyMax];
  const int count = epoll_wait(epoll_, ready, kReadyMax, timeoutMs);
  for (int i = 0; i < count; i++) static_cast<Pollable*>(ready[i].data.ptr)->ready(ready[i].events);
}

}  // namespace wire
