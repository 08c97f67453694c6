// A batcher without threads, rows and engines: the scheduler, and what it is told of running batches, on a clock that the
// caller keeps. What waits, what is refused and which requests share a batch is decided by the very code that serves; how
// long a batch takes, the caller says. Requests of more rows than a batch has, and those that share no batch, are not taken.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "running/running_batches.h"
#include "scheduling/scheduler.h"

namespace cb {

class VirtualBatcher {
 public:
  explicit VirtualBatcher(const BatcherOptions& options);

  enum class Admission { kAccepted, kLate, kFull };
  Admission submit(uint32_t id, double nowMs, int32_t rows, double deadlineMs, int32_t lane);
  // Takes a request out that waits; false: it runs, or is unknown.
  bool cancel(uint32_t id);

  // A batch that an engine begins now; without members none does, and `startAtMs` says when to ask again.
  struct Begun {
    int32_t engine = -1;
    std::vector<uint32_t> members;
    std::vector<uint32_t> dropped;  // of those that can no longer be in time
    int32_t rows = 0;
    int32_t paddedRows = 0;
    double startAtMs = kNoDeadline;
  };
  Begun begin(double nowMs);
  // The batch of `engine` has run until now.
  void ended(int32_t engine, double nowMs);
  // Takes out what became late while every engine was busy.
  std::vector<uint32_t> late(double nowMs);

  double drainTimeMs(double nowMs) const;
  int64_t queuedRows() const { return scheduler_.queue().rows(); }
  int64_t runningRows() const { return running_.rows(); }

 private:
  struct Engine {
    bool busy = false;
    double takenMs = 0;
    int32_t paddedRows = 0;
  };
  // Forgets them, and returns their ids.
  std::vector<uint32_t> release(const std::vector<Request*>& requests);

  const BatcherOptions options_;
  Scheduler scheduler_;
  RunningBatches running_;
  std::vector<Engine> engines_;
  std::unordered_map<uint32_t, std::unique_ptr<Request>> waiting_;
};

}  // namespace cb
