#include "core/request_queue.h"

#include <algorithm>

namespace cb {

namespace {
constexpr int64_t kRowsBetweenAged = 8;  // an aged request takes at most about an eighth of the device
}

RequestQueue::RequestQueue(int32_t lanes, int64_t rowsMax, size_t bytesMax, double ageingMs)
    : lanes_(static_cast<size_t>(std::max(lanes, 1))), rowsMax_(rowsMax), bytesMax_(bytesMax), ageingMs_(ageingMs) {}

bool RequestQueue::hasRoom(int32_t rows, size_t bytes) const {
  return rows_ + rows <= rowsMax_ && bytes_ + bytes <= bytesMax_;
}

void RequestQueue::push(Request* request) {
  request->lane = std::clamp(request->lane, 0, static_cast<int32_t>(lanes_.size()) - 1);
  request->sequence = nextSequence_++;
  request->state = RequestState::kQueued;
  Lane& lane = lanes_[static_cast<size_t>(request->lane)];
  lane.byDeadline.insert(request);
  request->older = lane.newest;
  request->newer = nullptr;
  (lane.newest == nullptr ? lane.oldest : lane.newest->newer) = request;
  lane.newest = request;
  lane.rows += request->rows;
  rows_ += request->rows;
  bytes_ += request->bytes;
}

void RequestQueue::remove(Request* request) {
  Lane& lane = lanes_[static_cast<size_t>(request->lane)];
  lane.byDeadline.erase(request);
  (request->older == nullptr ? lane.oldest : request->older->newer) = request->newer;
  (request->newer == nullptr ? lane.newest : request->newer->older) = request->older;
  request->older = nullptr;
  request->newer = nullptr;
  request->state = RequestState::kIdle;
  lane.rows -= request->rows;
  rows_ -= request->rows;
  bytes_ -= request->bytes;
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
    for (Request* request : lane.byDeadline) {
      if (out.size() >= countMax) return;
      if (request != turn) out.push_back(request);
    }
  }
}

void RequestQueue::late(double nowMs, size_t countMax, std::vector<Request*>& out) const {
  for (const Lane& lane : lanes_) {
    for (Request* request : lane.byDeadline) {
      if (request->deadlineMs > nowMs) break;
      if (out.size() >= countMax) return;
      out.push_back(request);
    }
  }
}

RequestQueue::Backlog RequestQueue::backlog() const {
  for (size_t i = 0; i < lanes_.size(); i++) {
    if (lanes_[i].rows == 0) continue;
    return {static_cast<int32_t>(i), lanes_[i].rows, (*lanes_[i].byDeadline.rbegin())->deadlineMs};
  }
  return {};
}

void RequestQueue::served(int32_t rows, bool aged) { rowsSinceAged_ = aged ? 0 : rowsSinceAged_ + rows; }

}  // namespace cb
