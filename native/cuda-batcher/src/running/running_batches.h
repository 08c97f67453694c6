// Which batch each engine thread runs, until when it is expected to and when it has to end. Guarded by the batcher's lock.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduling/request.h"

namespace cb {

class RunningBatches {
 public:
  explicit RunningBatches(size_t engines) : batches_(engines) {}

  // `engine` starts a batch that is expected to take `expectedMs` (0: unknown).
  void begin(size_t engine, const std::vector<Request*>& members, double nowMs, double expectedMs);
  // `engine` goes on with the same batch, of whose end nothing is known any more.
  void restart(size_t engine, const std::vector<Request*>& members, double nowMs);
  void end(size_t engine) { batches_[engine].rows = 0; }

  // Engines whose batch is overdue and was not asked to end yet; they count as asked from now on.
  std::vector<size_t> takeOverdue(double nowMs);
  // Whether the batch of `engine` was asked to end.
  bool asked(size_t engine) const { return batches_[engine].asked; }
  // How long the batch of `engine` was given.
  double allowedMs(size_t engine) const { return batches_[engine].endByMs - batches_[engine].takenMs; }

  // How long the longest of those that were asked to end has gone on since; 0: there is none.
  double unresponsiveMs(double nowMs) const;

  // Batches that ran when the one of `engine` began.
  int32_t othersOf(size_t engine) const { return batches_[engine].others; }
  int32_t count() const;
  int64_t rows() const;
  // Batches of requests that let others pass.
  int32_t yielding() const;
  // When the first engine is free, as expected; a batch that is overdue by some time is expected to take as long again.
  double freeAtMs(double nowMs) const;
  // Work left in all batches together, as expected.
  double leftMs(double nowMs) const;

 private:
  struct Batch {
    int32_t rows = 0;    // 0: none runs
    int32_t others = 0;
    double takenMs = 0;
    double untilMs = 0;  // expected
    double endByMs = 0;
    bool asked = false;
    bool yields = false;
  };
  static double leftMs(const Batch& batch, double nowMs);

  std::vector<Batch> batches_;  // index = engine thread
};

}  // namespace cb
