// One client's HTTP/2 connection: bytes from the socket to calls, and what calls answer back to the socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/outbox.h"
#include "sockets/poller.h"
#include "net/tls_session.h"
#include "http2/call.h"
#include "http2/nghttp2.h"

namespace wire {

class Server;

class Connection : public Pollable {
 public:
  // Takes the socket over. Throws when there is no memory for a session.
  Connection(Server& server, int socket, std::string peer);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void ready(uint32_t flags) override;
  // Moves what calls have answered to the socket.
  void flush();
  // Makes the session look at a call's output again.
  void resume(Call& call);
  // Gives `bytes` back to the peer's window for this call.
  void consume(const Call& call, size_t bytes);
  // Refuses new calls: the first notice leaves time for those on their way, the second names the last one taken.
  void shutDown(bool last);
  // Looks after silence; called about once a second.
  void attend(double nowMs);
  void abandon() { broken_ = true; }

  // True the first time since the last flush.
  bool markDirty() { return !std::exchange(dirty_, true); }

  bool over() const { return broken_; }
  const std::string& peer() const { return peer_; }
  // What was presented on it.
  Credentials::Known& credentials() { return credentials_; }

 private:
  void read();
  void readSealed();
  void feed(const uint8_t* bytes, size_t size);
  bool directTarget(uint8_t*& to, size_t& room) const;
  void submitHead(Call& call);
  void release(Call& call);
  void endLate(double nowMs);
  void leaveIdle(double nowMs);

  int beginHeaders(const ng::Frame* frame);
  int header(std::string_view name, std::string_view value);
  int received(const ng::Frame* frame);
  int sent(const ng::Frame* frame);
  int chunk(int32_t stream, const uint8_t* data, size_t size);
  int closed(int32_t stream);
  ssize_t supply(int32_t stream, size_t length, uint32_t* flags);
  int sendData(int32_t stream, const uint8_t* header, size_t length);
  Call* callOf(int32_t stream) const;

  friend struct SessionCallbacks;

  Server& server_;
  const ng::Api& ng_;
  int socket_;
  std::string peer_;
  Credentials::Known credentials_;
  ng::Session* session_ = nullptr;
  std::unique_ptr<TlsSession> tls_;  // null: in the clear
  Outbox outbox_;
  std::vector<Call*> calls_;    // with an open stream
  std::vector<Call*> stalled_;  // that wait for the outbox
  Call* heading_ = nullptr;     // whose headers are being read
  Call* direct_ = nullptr;      // whose message fills the DATA frame being read
  size_t frameBytes_ = 0;       // of that frame, when it has no padding
  size_t frameGot_ = 0;
  size_t callsRead_ = 0;  // opened in this turn
  double createdMs_;
  double heardMs_;
  double calledMs_;      // when there was a call last
  double pingedMs_ = 0;  // 0 = no ping is on its way
  double leftMs_ = 0;    // 0 = the client was not asked to leave
  bool greeted_ = false;
  bool writeBlocked_ = false;
  bool broken_ = false;
  bool dirty_ = false;  // to be flushed
};

}  // namespace wire
