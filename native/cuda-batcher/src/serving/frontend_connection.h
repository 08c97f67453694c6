// One frontend's connection: who waits on it, and what is on its way out. The I/O thread owns the socket; engine threads
// and JavaScript add frames and may write them at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "frames/frame_reader.h"
#include "sockets/poller.h"

namespace cb::link {

class Served;
struct Query;

// A query's place in a batcher's queue: what is needed to take it back, when the query itself may be gone already.
struct Place {
  std::shared_ptr<Served> served;  // null: JavaScript has the query
  uint32_t ticket = 0;
};

// What every answer tells of the host; JavaScript refreshes it.
struct HostLoad {
  std::atomic<double> executorUtilisation{0};
  std::atomic<double> memoryFreeBytes{0};
};

class Connection;

// Receives what comes on connections, on the I/O thread.
class ConnectionReader {
 public:
  virtual ~ConnectionReader() = default;
  virtual void receive(const std::shared_ptr<Connection>& connection) = 0;
};

class Connection : public std::enable_shared_from_this<Connection>, private wire::Pollable {
 public:
  // Takes the socket over and registers it; `poller` and `owner` outlive it.
  Connection(int fd, wire::Poller& poller, ConnectionReader& owner, uint32_t number, std::shared_ptr<HostLoad> host,
             double openedMs);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  uint32_t number() const { return number_; }
  const HostLoad& host() const { return *host_; }
  double openedMs() const { return openedMs_; }
  // Whether it has authenticated; true from the start where no secrets are set. Set on the I/O thread.
  bool admitted() const { return admitted_; }
  void admit() { admitted_ = true; }

  // I/O thread only: where received bytes go.
  wire::FrameReader& reader() { return reader_; }
  int fd() const { return fd_; }
  // Lets the socket wait until a good part of a large body is there, instead of waking for every packet of it.
  void expectBytes(size_t rest);

  // Whether a new query with this id may come: kKnown is a peer's fault, kUnread one that does not read.
  enum class Admission { kFine, kKnown, kOverfull, kUnread };
  Admission admits(uint32_t id, size_t inFlightMax) const;
  size_t inFlight() const;

  // A query is awaited from `expect` until whoever claims it: exactly one of several succeeds. A null query is one that
  // JavaScript answers.
  void expect(uint32_t id, Query* query);
  bool claim(uint32_t id, const Query* query);
  // Takes back what the peer has cancelled. False: nobody waits for it.
  bool cancel(uint32_t id, Place& place);

  // Frames are written one after another into the string, under the lock; `flush` sends what the socket takes.
  template <typename Write>
  void write(const Write& frame) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    const size_t last = pieces_.empty() ? 0 : pieces_.size() - 1;
    unsentBytes_ -= pieces_.empty() ? 0 : pieces_[last].size();
    frame(*this);
    for (size_t i = last; i < pieces_.size(); i++) unsentBytes_ += pieces_[i].size();
    pieces_.back().frames++;
    unsentFrames_++;
  }
  // Inside `write`: own bytes of the frame, and bytes that stay where they are until `hold` is let go.
  std::string& bytes();
  void lend(const uint8_t* data, size_t count, std::shared_ptr<void> hold);

  // Whole frames that JavaScript made. An answer nobody waits for any more is left out.
  void writeForeign(const uint8_t* data, size_t count);

  // Sends what the socket takes; the rest leaves when it takes more.
  void flush();
  bool flushed() const;

  // Ends the stream both ways, so that the I/O thread sees its end.
  void cut();

  // I/O thread, last: closes the socket, drops what was not sent, and answers the places of the queries still awaited.
  std::vector<Place> close();

 private:
  struct Piece {
    std::string own;
    const uint8_t* lent = nullptr;
    size_t lentBytes = 0;
    std::shared_ptr<void> hold;
    size_t frames = 0;  // that end in it
    size_t size() const { return own.size() + lentBytes; }
  };

  void ready(uint32_t flags) override;
  void watch(bool writable);
  void sent(size_t count, std::vector<std::shared_ptr<void>>& holds);

  const uint32_t number_;
  wire::Poller& poller_;
  ConnectionReader& owner_;
  const std::shared_ptr<HostLoad> host_;
  const double openedMs_;
  std::atomic<bool> admitted_{false};
  int fd_;
  wire::FrameReader reader_;
  int lowWater_ = 1;

  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, Query*> awaited_;
  std::deque<Piece> pieces_;
  std::string spare_;        // memory of a piece that was sent
  size_t sentOfFirst_ = 0;
  size_t unsentBytes_ = 0;
  size_t unsentFrames_ = 0;
  bool blocked_ = false;     // the socket is full: the I/O thread waits until it is not
  bool closed_ = false;
};

}  // namespace cb::link
