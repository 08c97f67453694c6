// Sockets of IP version 4 and 6, without names: whoever calls has resolved them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace wire {

// A listening socket on `host` (an IP address); `port` 0 = any, and becomes the one it got. -1 when it cannot be had:
// `why` says the reason.
int listenOn(const std::string& host, uint16_t& port, std::string& why);

// A socket that is connecting to `host` (an IP address); -1 as above.
int connectTo(const std::string& host, uint16_t port, std::string& why);

// host:port of an address of IP.
std::string nameOf(const sockaddr_storage& address);

}  // namespace wire
