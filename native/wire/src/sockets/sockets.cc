#include "sockets/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace wire {

namespace {

constexpr int kBacklog = 1024;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

void setOption(int socket, int level, int option) {
  const int on = 1;
  setsockopt(socket, level, option, &on, sizeof on);
}

bool parse(const std::string& host, uint16_t port, Address& address) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.length = sizeof v4;
    return true;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return false;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  address.length = sizeof v6;
  return true;
}

int failed(int socket, std::string& why) {
  why = std::strerror(errno);
  if (socket >= 0) close(socket);
  return -1;
}

int open(const std::string& host, uint16_t port, Address& address, std::string& why) {
  if (!parse(host, port, address)) {
    why = "'" + host + "' is no IP address";
    return -1;
  }
  const int opened = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return opened < 0 ? failed(opened, why) : opened;
}

std::string nameOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return '[' + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return std::string(text) + ':' + std::to_string(ntohs(v4.sin_port));
}

}  // namespace

int listenOn(const std::string& host, uint16_t& port, std::string& why) {
  Address address;
  const int socket = open(host, port, address, why);
  if (socket < 0) return -1;
  setOption(socket, SOL_SOCKET, SO_REUSEADDR);
  auto* bound = reinterpret_cast<sockaddr*>(&address.storage);
  if (bind(socket, bound, address.length) != 0 || listen(socket, kBacklog) != 0 ||
      getsockname(socket, bound, &address.length) != 0)
    return failed(socket, why);
  port = ntohs(address.storage.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port
                   : reinterpret_cast<sockaddr_in&>(address.storage).sin_port);
  return socket;
}

int connectTo(const std::string& host, uint16_t port, std::string& why) {
  Address address;
  const int socket = open(host, port, address, why);
  if (socket < 0) return -1;
  setOption(socket, IPPROTO_TCP, TCP_NODELAY);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address.storage), address.length) != 0 && errno != EINPROGRESS)
    return failed(socket, why);
  return socket;
}

int acceptFrom(int listener, std::string& peer) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int socket = accept4(listener, reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) return -1;
  setOption(socket, IPPROTO_TCP, TCP_NODELAY);
  peer = nameOf(address);
  return socket;
}

}  // namespace wire
