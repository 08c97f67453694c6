// Sockets of IP version 4 and 6, without names: whoever calls has resolved them.
#pragma once

#include <cstdint>
#include <string>

namespace wire {

// A listening socket on `host` (an IP address); `port` 0 = any, and becomes the one it got. -1 when it cannot be had:
// `why` says the reason.
int listenOn(const std::string& host, uint16_t& port, std::string& why);

// A socket that is connecting to `host` (an IP address); -1 as above.
int connectTo(const std::string& host, uint16_t port, std::string& why);

// A connection that waits on a listening socket, sending small packets at once; `peer` becomes its host:port. -1 when there
// is none, or when errno says another reason.
int acceptFrom(int listener, std::string& peer);

}  // namespace wire
