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
  // Nothing is read: its caller holds its share, and some of that will be answered.
  bool isHeldBack() const;
  // Moves up to `bytesMax` of what calls have answered to the socket; the rest leaves in later turns.
  void flush(size_t bytesMax = kWriteBudgetBytes);
  // Makes the session look at a call's output again.
  void resume(Call& call);
  // Gives `bytes` back to the peer's window for this call.
  void consume(const Call& call, size_t bytes);
  // Refuses new calls: the first notice leaves time for those on their way, the second names the last one
  // taken.
  void shutDown(bool last);
  // A message came whole in this turn.
  void messageRead() { messagesRead_++; }
  // Nothing more is read in this turn: before it is known whether its caller may call, no more than a chunk
  // is held.
  void await() { asked_ = true; }
  // Looks after silence; called about once a second.
  void attend(double nowMs);
  void abandon() { broken_ = true; }
  // Says so to the client, and ends.
  void leave();
  bool isIdle() const { return calls_.empty() && !broken_; }
  bool hasCalled() const { return ng_.session_get_last_proc_stream_id(session_) > 0; }
  // When there was a call last, or none yet.
  double calledMs() const { return calledMs_; }

  // Its caller holds less again.
  void readAgain();
  // True the first time since the last flush.
  bool markDirty() { return !std::exchange(dirty_, true); }

  bool over() const { return broken_; }
  const std::string& peer() const { return peer_; }
  const std::shared_ptr<Ledger::Share>& share() const { return share_; }
  // What was presented on it.
  Credentials::Known& credentials() { return credentials_; }

 private:
  void read();
  void readSealed();
  bool turnIsOver() const;
  void feed(const uint8_t* bytes, size_t size);
  size_t chunkBytes() const;
  bool directTarget(uint8_t*& to, size_t& room) const;
  void submitHead(Call& call);
  bool serialise();
  void count();
  void watch(bool blocked);
  bool waits() const;
  void release(Call& call);
  void endLate(double nowMs);
  void leaveIdle(double nowMs);

  int beginHeaders(const ng::Frame* frame);
  int giveUp(int32_t stream);
  int header(int32_t stream, std::string_view name, std::string_view value);
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
  std::shared_ptr<Ledger::Share> share_;
  size_t countedBytes_ = 0;  // of the outbox, on its account
  std::shared_ptr<Ledger::Share> lastShare_;  // of the call that sent last
  bool heldBack_ = false;                     // the server knows it as unread
  ng::Session* session_ = nullptr;
  std::unique_ptr<TlsSession> tls_;  // null: in the clear
  Outbox outbox_;
  std::vector<Call*> calls_;    // with an open stream
  std::vector<Call*> stalled_;  // that wait for the outbox
  Call* heading_ = nullptr;     // whose headers are being read
  Call* direct_ = nullptr;      // whose message fills the DATA frame being read
  size_t frameBytes_ = 0;       // of that frame, when it has no padding
  size_t frameGot_ = 0;
  size_t blockBytes_ = 0;    // of the header block being read, as decoded
  uint8_t frameType_ = 0;    // of the frame that was begun last
  size_t callsRead_ = 0;     // opened in this turn
  size_t messagesRead_ = 0;  // that came whole in this turn
  size_t headRead_ = 0;      // bytes of this turn that belong to no message
  bool asked_ = false;       // somebody has to say in this turn whether a call may be made
  double createdMs_;
  double heardMs_;
  double calledMs_;      // when there was a call last
  double takenMs_;       // when the client took some of what waits for it, or nothing waited
  double pingedMs_ = 0;  // 0 = no ping is on its way
  double leftMs_ = 0;    // 0 = the client was not asked to leave
  bool greeted_ = false;
  uint32_t watched_;     // flags of the poller
  bool broken_ = false;
  bool dirty_ = false;  // to be flushed
};

}  // namespace wire
