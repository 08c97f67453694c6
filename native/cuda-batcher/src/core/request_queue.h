// The waiting requests, bounded in rows and in bytes, in serving order: lane by lane, within a lane by deadline, then
// by arrival. A request of a lower lane that has waited long is let in now and then, so that no lane starves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "core/request.h"

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

  int64_t rows() const { return rows_; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return rows_ == 0; }

 private:
  struct Earlier {
    bool operator()(const Request* a, const Request* b) const {
      return a->deadlineMs != b->deadlineMs ? a->deadlineMs < b->deadlineMs : a->sequence < b->sequence;
    }
  };
  struct Lane {
    std::set<Request*, Earlier> byDeadline;
    Request* oldest = nullptr;
    Request* newest = nullptr;
    int64_t rows = 0;
  };

  std::vector<Lane> lanes_;
  int64_t rowsMax_;
  size_t bytesMax_;
  double ageingMs_;
  int64_t rows_ = 0;
  size_t bytes_ = 0;
  uint64_t nextSequence_ = 0;
  int64_t rowsSinceAged_ = 0;
};

}  // namespace cb
