// A client that writes as far as the server reads, and reads only when it is told to.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "echo_server.h"
#include "sockets/sockets.h"

namespace wire {

class Talker {
 public:
  explicit Talker(Echo& echo) : echo_(echo) {
    std::string why;
    socket_ = connectTo("127.0.0.1", echo.port(), why);
    // So that little waits in the kernel of a client that does not read.
    const int bytes = 64 * 1024;
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    echo_.turn();
  }
  ~Talker() {
    close(socket_);
    echo_.turn();
    echo_.turn();
  }
  Talker(const Talker&) = delete;
  Talker& operator=(const Talker&) = delete;

  // False: the server reads no more of it, or has cut it off. `sent()` says how far it came.
  bool say(const std::string& bytes) {
    size_t at = 0;
    for (int idle = 0; at < bytes.size() && idle < 200;) {
      const ssize_t count = send(socket_, bytes.data() + at, std::min<size_t>(bytes.size() - at, 65'536),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
      idle = count > 0 ? 0 : idle + 1;
      if (count > 0) at += static_cast<size_t>(count);
      echo_.turn();
    }
    for (int turns = 0; turns < 20; turns++) echo_.turn();
    sent_ += at;
    return at == bytes.size();
  }

  // What the server said so far, until nothing more comes.
  std::string& hear() {
    std::vector<char> chunk(65'536);
    for (int idle = 0; idle < 20;) {
      echo_.turn();
      const ssize_t count = recv(socket_, chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (count > 0) heard_.append(chunk.data(), static_cast<size_t>(count));
      idle = count > 0 ? 0 : idle + 1;
    }
    return heard_;
  }

  size_t sent() const { return sent_; }

 private:
  Echo& echo_;
  int socket_;
  size_t sent_ = 0;
  std::string heard_;
};

}  // namespace wire
