#include "scheduling/request_queue.h"

#include <algorithm>

namespace cb {

namespace {
constexpr int64_t kRowsBetweenAged = 8;  // an aged request takes at most about an eighth of the device

// One request in four is on the second level, one in sixteen on the third: by a hash of its number, so that the shape of a
// list depends on nothing but what was put in.
int32_t levelsOf(uint64_t sequence) {
  uint64_t hash = (sequence + 1) * 0x9e3779b97f4a7c15;
  hash ^= hash >> 32;
  int32_t levels = 1;
  while (levels < static_cast<int32_t>(kQueueLevels) && (hash & 3) == 0) {
    hash >>= 2;
    levels++;
  }
  return levels;
}
}  // namespace

RequestQueue::RequestQueue(int32_t lanes, int64_t rowsMax, size_t bytesMax, double ageingMs)
    : lanes_(static_cast<size_t>(std::max(lanes, 1))), rowsMax_(rowsMax), bytesMax_(bytesMax), ageingMs_(ageingMs) {}

// The last request before `request` on each level; null where it would be the first.
RequestQueue::Previous RequestQueue::before(const Lane& lane, const Request* request) {
  Previous found{};
  Request* at = nullptr;
  for (size_t level = kQueueLevels; level-- > 0;) {
    Request* next = at == nullptr ? lane.first[level] : at->next[level];
    while (next != nullptr && earlier(next, request)) {
      at = next;
      next = at->next[level];
    }
    found[level] = at;
  }
  return found;
}

void RequestQueue::link(Lane& lane, Request* request) {
  request->levels = levelsOf(request->sequence);
  const bool atEnd = lane.last[0] == nullptr || earlier(lane.last[0], request);
  const Previous previous = atEnd ? lane.last : before(lane, request);
  for (size_t level = 0; level < static_cast<size_t>(request->levels); level++) {
    Request*& slot = previous[level] == nullptr ? lane.first[level] : previous[level]->next[level];
    request->next[level] = slot;
    slot = request;
    if (request->next[level] == nullptr) lane.last[level] = request;
  }
}

void RequestQueue::unlink(Lane& lane, Request* request) {
  const bool atFront = lane.first[0] == request;
  const Previous previous = atFront ? Previous{} : before(lane, request);
  for (size_t level = 0; level < static_cast<size_t>(request->levels); level++) {
    (previous[level] == nullptr ? lane.first[level] : previous[level]->next[level]) = request->next[level];
    if (lane.last[level] == request) lane.last[level] = previous[level];
    request->next[level] = nullptr;
  }
}

bool RequestQueue::hasRoom(int32_t rows, size_t bytes) const {
  return rows_ + rows <= rowsMax_ && bytes_ + bytes <= bytesMax_;
}

void RequestQueue::push(Request* request) {
  request->lane = std::clamp(request->lane, 0, static_cast<int32_t>(lanes_.size()) - 1);
  request->sequence = nextSequence_++;
  request->state = RequestState::kQueued;
  Lane& lane = lanes_[static_cast<size_t>(request->lane)];
  link(lane, request);
  request->older = lane.newest;
  request->newer = nullptr;
  (lane.newest == nullptr ? lane.oldest : lane.newest->newer) = request;
  lane.newest = request;
  lane.rows += request->rows;
  rows_ += request->rows;
  bytes_ += request->bytes;
  shaped_ += request->shapeKey != 0;
  unyielding_ += !request->yields;
}

void RequestQueue::remove(Request* request) {
  Lane& lane = lanes_[static_cast<size_t>(request->lane)];
  unlink(lane, request);
  (request->older == nullptr ? lane.oldest : request->older->newer) = request->newer;
  (request->newer == nullptr ? lane.newest : request->newer->older) = request->older;
  request->older = nullptr;
  request->newer = nullptr;
  request->state = RequestState::kIdle;
  lane.rows -= request->rows;
  rows_ -= request->rows;
  bytes_ -= request->bytes;
  shaped_ -= request->shapeKey != 0;
  unyielding_ -= !request->yields;
}

Request* RequestQueue::aged(double nowMs) const {
  if (rowsSinceAged_ < kRowsBetweenAged) return nullptr;
  for (size_t i = 1; i < lanes_.size(); i++) {
    Request* oldest = lanes_[i].oldest;
    if (oldest != nullptr && nowMs - oldest->arrivalMs > ageingMs_ * static_cast<double>(i)) return oldest;
  }
  return nullptr;
}

void RequestQueue::front(double nowMs, size_t countMax, std::vector<Request*>& out) const {
  out.clear();
  Request* turn = aged(nowMs);
  if (turn != nullptr) out.push_back(turn);
  for (const Lane& lane : lanes_) {
    for (Request* request = lane.first[0]; request != nullptr; request = request->next[0]) {
      if (out.size() >= countMax) return;
      if (request != turn) out.push_back(request);
    }
  }
}

void RequestQueue::late(double nowMs, size_t countMax, std::vector<Request*>& out) const {
  for (const Lane& lane : lanes_) {
    for (Request* request = lane.first[0]; request != nullptr; request = request->next[0]) {
      if (request->deadlineMs > nowMs) break;
      if (out.size() >= countMax) return;
      out.push_back(request);
    }
  }
}

RequestQueue::Backlog RequestQueue::backlog() const {
  for (size_t i = 0; i < lanes_.size(); i++) {
    if (lanes_[i].rows == 0) continue;
    return {static_cast<int32_t>(i), lanes_[i].rows, lanes_[i].last[0]->deadlineMs};
  }
  return {};
}

double RequestQueue::firstDeadlineMs(double fromMs) const {
  double firstMs = kNoDeadline;
  for (const Lane& lane : lanes_) {
    const Request* at = nullptr;
    const Request* next = nullptr;
    for (size_t level = kQueueLevels; level-- > 0;) {
      next = at == nullptr ? lane.first[level] : at->next[level];
      while (next != nullptr && next->deadlineMs < fromMs) {
        at = next;
        next = at->next[level];
      }
    }
    if (next != nullptr) firstMs = std::min(firstMs, next->deadlineMs);
  }
  return firstMs;
}

bool RequestQueue::hasDeadlines() const {
  const auto has = [](const Lane& lane) { return lane.first[0] != nullptr && lane.first[0]->deadlineMs < kNoDeadline; };
  return std::any_of(lanes_.begin(), lanes_.end(), has);
}

void RequestQueue::served(int32_t rows, bool aged) { rowsSinceAged_ = aged ? 0 : rowsSinceAged_ + rows; }

}  // namespace cb
