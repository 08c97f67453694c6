#include "serving/frontend_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "serving/query.h"

namespace cb::link {

namespace {

// Frames are joined until they are so large; a larger piece leaves by itself.
constexpr size_t kJoinedBytesMax = 64 * 1024;
// Pieces handed to the kernel at a time.
constexpr size_t kPiecesPerSend = 16;
// Refusals that may wait for a peer that does not read, as a multiple of the queries it may have in flight; then it is cut.
constexpr size_t kUnreadFactor = 2;
// Bytes that may wait for it before its queries are refused.
constexpr size_t kUnreadBytesMax = size_t{256} << 20;

// A body of which less is missing is received as it comes; more than the latter is received in parts, so that the copy out
// of the kernel goes along with the sender's copy into it.
constexpr size_t kLowWaterMin = 64 * 1024;
constexpr size_t kLowWaterMax = 256 * 1024;

}  // namespace

Connection::Connection(int fd, wire::Poller& poller, ConnectionReader& owner, uint32_t number,
                       std::shared_ptr<HostLoad> host, double openedMs)
    : number_(number), poller_(poller), owner_(owner), host_(std::move(host)), openedMs_(openedMs), fd_(fd) {
  poller_.add(fd_, this, EPOLLIN);
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

void Connection::ready(uint32_t flags) {
  const std::shared_ptr<Connection> self = shared_from_this();
  if ((flags & EPOLLOUT) != 0) flush();
  if ((flags & ~static_cast<uint32_t>(EPOLLOUT)) != 0) owner_.receive(self);
}

void Connection::expectBytes(size_t rest) {
  const int wanted = rest < kLowWaterMin ? 1 : static_cast<int>(std::min(rest, kLowWaterMax));
  if (wanted == lowWater_) return;
  lowWater_ = wanted;
  setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
}

Connection::Admission Connection::admits(uint32_t id, size_t inFlightMax) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (awaited_.count(id) > 0) return Admission::kKnown;
  if (std::max(unsentFrames_, awaited_.size()) > inFlightMax * kUnreadFactor) return Admission::kUnread;
  if (awaited_.size() + unsentFrames_ >= inFlightMax || unsentBytes_ > kUnreadBytesMax) return Admission::kOverfull;
  return Admission::kFine;
}

size_t Connection::inFlight() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return awaited_.size();
}

void Connection::expect(uint32_t id, Query* query) {
  std::lock_guard<std::mutex> lock(mutex_);
  awaited_.emplace(id, query);
}

bool Connection::claim(uint32_t id, const Query* query) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = awaited_.find(id);
  if (found == awaited_.end() || found->second != query) return false;
  awaited_.erase(found);
  return true;
}

bool Connection::cancel(uint32_t id, Place& place) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = awaited_.find(id);
  if (found == awaited_.end()) return false;
  if (found->second != nullptr) place = {found->second->served, found->second->ticket};
  awaited_.erase(found);
  return true;
}

std::string& Connection::bytes() {
  if (pieces_.empty() || pieces_.back().lent != nullptr || pieces_.back().own.size() > kJoinedBytesMax) {
    pieces_.emplace_back();
    pieces_.back().own.swap(spare_);
  }
  return pieces_.back().own;
}

void Connection::lend(const uint8_t* data, size_t count, std::shared_ptr<void> hold) {
  bytes();  // a piece that can still be added to
  Piece& piece = pieces_.back();
  piece.lent = data;
  piece.lentBytes = count;
  piece.hold = std::move(hold);
}

void Connection::writeForeign(const uint8_t* data, size_t count) {
  for (size_t at = 0; count - at >= wire::kPrefixBytes;) {
    const wire::Prefix prefix = wire::readPrefix(data + at);
    const size_t size = wire::kLengthBytes + prefix.length;
    if (size > count - at) return;
    const auto type = static_cast<wire::FrameType>(prefix.type);
    const bool answers = type == wire::FrameType::kAnswer || type == wire::FrameType::kRefusal;
    if (!answers || claim(prefix.id, nullptr)) {
      write([&](Connection& to) { to.bytes().append(reinterpret_cast<const char*>(data + at), size); });
    }
    at += size;
  }
}

void Connection::flush() {
  std::vector<std::shared_ptr<void>> holds;  // let go after the lock
  std::lock_guard<std::mutex> lock(mutex_);
  while (!closed_ && !pieces_.empty()) {
    iovec parts[2 * kPiecesPerSend];
    size_t count = 0;
    size_t skip = sentOfFirst_;
    for (size_t i = 0; i < std::min(pieces_.size(), kPiecesPerSend); i++) {
      Piece& piece = pieces_[i];
      const size_t ofOwn = std::min(skip, piece.own.size());
      if (piece.own.size() > ofOwn) parts[count++] = {piece.own.data() + ofOwn, piece.own.size() - ofOwn};
      skip -= ofOwn;
      if (piece.lentBytes > skip) parts[count++] = {const_cast<uint8_t*>(piece.lent) + skip, piece.lentBytes - skip};
      skip = 0;
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t written = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written >= 0) {
      sent(static_cast<size_t>(written), holds);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      watch(true);
      return;
    } else if (errno != EINTR) {
      shutdown(fd_, SHUT_RDWR);  // the I/O thread sees the end and cleans up
      return;
    }
  }
  if (!closed_) watch(false);
}

void Connection::watch(bool writable) {
  if (blocked_ == writable) return;
  blocked_ = writable;
  poller_.change(fd_, this, writable ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Connection::sent(size_t count, std::vector<std::shared_ptr<void>>& holds) {
  sentOfFirst_ += count;
  while (!pieces_.empty() && sentOfFirst_ >= pieces_.front().size()) {
    Piece& piece = pieces_.front();
    sentOfFirst_ -= piece.size();
    unsentBytes_ -= piece.size();
    unsentFrames_ -= piece.frames;
    if (piece.hold != nullptr) holds.push_back(std::move(piece.hold));
    if (piece.own.capacity() <= 2 * kJoinedBytesMax) {
      piece.own.clear();
      spare_.swap(piece.own);
    }
    pieces_.pop_front();
  }
}

bool Connection::flushed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return pieces_.empty() || closed_;
}

void Connection::cut() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!closed_) shutdown(fd_, SHUT_RDWR);
}

std::vector<Place> Connection::close() {
  std::deque<Piece> dropped;
  std::vector<Place> places;
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  ::close(fd_);
  fd_ = -1;
  dropped.swap(pieces_);
  unsentBytes_ = unsentFrames_ = sentOfFirst_ = 0;
  for (const auto& [id, query] : awaited_) {
    if (query != nullptr) places.push_back({query->served, query->ticket});
  }
  awaited_.clear();
  return places;
}

}  // namespace cb::link
