// The waiting requests, bounded in rows and in bytes, in serving order: lane by lane, within a lane by deadline, then
// by arrival. A request of a lower lane that has waited long is let in now and then, so that no lane starves.
// A lane is a skip list through the requests themselves (Pugh 1990): it allocates nothing, and a request that is due after
// all others joins, or one that is due before them leaves, in constant time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scheduling/request.h"

namespace cb {

class RequestQueue {
 public:
  RequestQueue(int32_t lanes, int64_t rowsMax, size_t bytesMax, double ageingMs);

  bool hasRoom(int32_t rows, size_t bytes) const;
  void push(Request* request);
  void remove(Request* request);

  // The first `countMax` requests in serving order, into `out`.
  void front(double nowMs, size_t countMax, std::vector<Request*>& out) const;
  // Up to `countMax` requests whose deadline has passed, added to `out`.
  void late(double nowMs, size_t countMax, std::vector<Request*>& out) const;
  // Tells the queue how many rows were served, of which an aged one counts as its lane's turn.
  void served(int32_t rows, bool aged);
  // The request whose turn it is because it has waited long in a lower lane; null when there is none.
  Request* aged(double nowMs) const;

  // Rows of the first lane that has any, and its last deadline.
  struct Backlog {
    int32_t lane = 0;
    int64_t rows = 0;
    double lastDeadlineMs = 0;
  };
  Backlog backlog() const;

  // The nearest deadline from `fromMs` on of all that wait; infinity: there is none.
  double firstDeadlineMs(double fromMs) const;
  // Whether anyone waiting has a deadline, or dims that not all share.
  bool hasDeadlines() const;
  bool hasShapes() const { return shaped_ > 0; }
  // Whether anyone waits who lets nobody pass.
  bool hasUnyielding() const { return unyielding_ > 0; }

  int64_t rows() const { return rows_; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return rows_ == 0; }

 private:
  struct Lane {
    std::array<Request*, kQueueLevels> first{};  // in order of deadline, by level
    std::array<Request*, kQueueLevels> last{};
    Request* oldest = nullptr;
    Request* newest = nullptr;
    int64_t rows = 0;
  };

  using Previous = std::array<Request*, kQueueLevels>;
  static bool earlier(const Request* a, const Request* b) {
    return a->deadlineMs != b->deadlineMs ? a->deadlineMs < b->deadlineMs : a->sequence < b->sequence;
  }
  static Previous before(const Lane& lane, const Request* request);
  static void link(Lane& lane, Request* request);
  static void unlink(Lane& lane, Request* request);

  std::vector<Lane> lanes_;
  int64_t rowsMax_;
  size_t bytesMax_;
  double ageingMs_;
  int64_t rows_ = 0;
  size_t bytes_ = 0;
  int64_t shaped_ = 0;  // requests with a shape key
  int64_t unyielding_ = 0;
  uint64_t nextSequence_ = 0;
  int64_t rowsSinceAged_ = 0;
};

}  // namespace cb
