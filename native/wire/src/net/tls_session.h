// TLS on one socket, as a server: what comes is opened, what goes is sealed. Nothing blocks and nothing calls
// back.
#pragma once

#include <memory>
#include <string>

#include "net/outbox.h"
#include "net/tls_context.h"

namespace wire {

class TlsSession {
 public:
  // Reads from and writes to `socket`, which stays its owner's. Throws std::bad_alloc.
  TlsSession(std::shared_ptr<const TlsContext> context, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Begins a turn in which up to `budget` bytes are taken from the socket.
  void beginTurn(size_t budget) { budget_ = budget; }
  // Opens up to `room` bytes. 0: nothing more in this turn; -1: over, see `fault`. Completes the handshake first.
  ssize_t read(uint8_t* to, size_t room);
  // Seals what waits in `plain`, after the handshake, and writes what the socket takes, at most `budget` bytes, and takes them
  // off it.
  Flush flush(Outbox& plain, size_t& budget);
  // Tells the peer that nothing follows, as far as the socket takes it at once.
  void close();

  // The handshake is complete and ALPN chose HTTP/2.
  bool ready() const { return ready_; }
  // Sealed, and not taken by the socket.
  size_t sealedBytes() const { return sealed_.bytes(); }
  // Bytes have come.
  bool heard() const { return heard_; }
  // Why it is over; empty when the peer just went away.
  const std::string& fault() const { return fault_; }

 private:
  static int bioRead(BIO*, char* to, int size);
  static int bioWrite(BIO*, const char* from, int size);
  static long bioControl(BIO*, int command, long, void*);
  static const BIO_METHOD* bioMethod(const ssl::Api&);

  bool agreedOnH2() const;
  // After a call that gave no bytes: 0 or -1, as `read`.
  ssize_t judge(int result);
  bool seal(Outbox& plain);
  void flushSealed();

  std::shared_ptr<const TlsContext> context_;
  const ssl::Api& api_;
  int socket_;
  SSL* session_;
  Outbox sealed_;
  size_t budget_ = 0;
  size_t handshakeBytes_ = 0;
  bool ready_ = false;
  bool heard_ = false;
  bool over_ = false;
  std::string fault_;
};

}  // namespace wire
