#include "link/link.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sockets/sockets.h"

namespace wire {

namespace {

// Bytes read from one link before the others have their turn.
constexpr size_t kReadBudgetBytes = 256 * 1024;

// What an answer and a refusal have in common.
void fill(Event& event, Frame& frame, const Load& load) {
  using namespace event_layout;
  event.numbers[kQueryId] = frame.id;
  event.numbers[kDrainMs] = load.drainMs;
  event.numbers[kUtilisation] = load.executorUtilisation;
  event.numbers[kMemoryFree] = load.memoryFreeBytes;
  event.numbers[kQueuedRows] = load.instanceQueuedRows;
  event.numbers[kBodyBytes] = static_cast<double>(frame.body.size());
  event.bytes = Piece::whole(BufferRef::adopt(std::move(frame.body)));
}

}  // namespace

Link::Link(Links& links, int32_t number, int socket) : links_(links), number_(number), socket_(socket) {
  links_.poller_.add(socket_, this, EPOLLIN);
}

Link::~Link() {
  links_.poller_.remove(socket_);
  close(socket_);
}

void Link::ready(uint32_t flags) {
  if (broken_) return;
  if (flags & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
  if (flags & EPOLLOUT) links_.dirty(*this);
}

void Link::read() {
  for (size_t budget = kReadBudgetBytes; budget > 0 && !broken_;) {
    const FrameReader::Spaces spaces = reader_.spaces(budget);
    iovec vector[2] = {{spaces.first.data, spaces.first.bytes}, {spaces.second.data, spaces.second.bytes}};
    const ssize_t got = readv(socket_, vector, spaces.second.bytes > 0 ? 2 : 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) return breakOff();
    reader_.filled(static_cast<size_t>(got));
    Frame frame;
    while (reader_.next(frame)) take(frame);
    if (!reader_.fault().empty()) return breakOff();
    if (static_cast<size_t>(got) < spaces.first.bytes + spaces.second.bytes) return;
    budget -= std::min(budget, static_cast<size_t>(got));
  }
}

void Link::take(Frame& frame) {
  switch (frame.type) {
    case FrameType::kGreeting:
      if (!up_) links_.tell(EventKind::kLinkUp, *this);
      up_ = true;
      return;
    case FrameType::kDraining:
      links_.tell(EventKind::kLinkDraining, *this);
      return;
    case FrameType::kAnswer: {
      Event& event = links_.tell(EventKind::kAnswer, *this);
      const AnswerHeader& answer = frame.answer;
      event.numbers[event_layout::kQueueMs] = answer.queueMs;
      event.numbers[event_layout::kGatherMs] = answer.gatherMs;
      event.numbers[event_layout::kRunMs] = answer.runMs;
      event.numbers[event_layout::kScatterMs] = answer.scatterMs;
      event.numbers[event_layout::kExecutorMs] = answer.executorMs;
      event.numbers[event_layout::kBatchSize] = answer.batchSize;
      fill(event, frame, answer.load);
      return;
    }
    case FrameType::kRefusal: {
      Event& event = links_.tell(EventKind::kRefusal, *this);
      event.numbers[event_layout::kCode] = frame.refusal.code;
      event.numbers[event_layout::kRetryAfterMs] = frame.refusal.retryAfterMs;
      fill(event, frame, frame.refusal.load);
      return;
    }
    case FrameType::kInfer:
    case FrameType::kCancel:
    case FrameType::kCredential:
      return breakOff();  // an executor asks nothing of us
  }
}

void Link::present(std::string_view credential) {
  std::string frame;
  appendCredential(credential, frame);
  outbox_.append(frame.data(), frame.size());
  links_.dirty(*this);
}

void Link::send(uint32_t id, const InferHeader& header, const Piece* body, size_t parts) {
  size_t bytes = 0;
  for (size_t i = 0; i < parts; i++) bytes += body[i].size;
  head_.clear();
  appendInferHead(id, header, bytes, head_);
  outbox_.append(head_.data(), head_.size());
  for (size_t i = 0; i < parts; i++) outbox_.append(body[i]);
  links_.dirty(*this);
}

void Link::cancel(uint32_t id) {
  head_.clear();
  appendBare(FrameType::kCancel, id, head_);
  outbox_.append(head_.data(), head_.size());
  links_.dirty(*this);
}

void Link::flush() {
  dirty_ = false;
  if (broken_) return;
  size_t budget = kWriteBudgetBytes;
  const Flush flushed = outbox_.flush(socket_, budget);
  if (flushed == Flush::kBroken) return breakOff();
  const bool blocked = flushed == Flush::kBlocked;
  if (blocked == writeBlocked_) return;
  writeBlocked_ = blocked;
  links_.poller_.change(socket_, this, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Link::breakOff() {
  if (broken_) return;
  broken_ = true;
  outbox_.clear();
  links_.poller_.change(socket_, this, 0);
  links_.tell(EventKind::kLinkDown, *this);
}

int32_t Links::open(const std::string& ip, uint16_t port, std::string_view credential, std::string& why) {
  const int socket = connectTo(ip, port, why);
  if (socket < 0) return -1;
  links_.push_back(std::make_unique<Link>(*this, nextNumber_, socket));
  if (!credential.empty()) links_.back()->present(credential);
  return nextNumber_++;
}

Link* Links::find(int32_t number) const {
  for (const auto& link : links_)
    if (link->number_ == number) return link->broken_ ? nullptr : link.get();
  return nullptr;
}

void Links::close(int32_t number) {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [number](const auto& link) { return link->number() == number; });
  if (found == links_.end()) return;
  (*found)->broken_ = true;
  closed_.push_back(std::move(*found));
  links_.erase(found);
}

size_t Links::heldBytes() const {
  size_t bytes = 0;
  for (const auto& link : links_) bytes += link->heldBytes();
  return bytes;
}

void Links::flush() {
  for (size_t i = 0; i < dirty_.size(); i++)
    if (Link* link = find(dirty_[i])) link->flush();
  dirty_.clear();
  closed_.clear();
}

void Links::dirty(Link& link) {
  if (std::exchange(link.dirty_, true)) return;
  dirty_.push_back(link.number_);
}

Event& Links::tell(EventKind kind, const Link& link) {
  Event& event = events_.emplace_back();
  event.kind = kind;
  event.subject = link.number_;
  return event;
}

}  // namespace wire
