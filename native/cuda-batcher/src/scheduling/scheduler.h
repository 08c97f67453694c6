// What waits and what is expected of the engines: decides who is let in, who is dropped and what runs next. Knows no
// thread, no lock and no clock; time is a parameter, so that a test can serve a day in a second.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduling/batch_policy.h"
#include "scheduling/latency_table.h"
#include "scheduling/quantile_track.h"
#include "scheduling/request_queue.h"

namespace cb {

struct BatcherOptions {
  int32_t instances = 1;  // engine threads: batches that run at a time
  int32_t maxBatch = 1;
  double maxQueueDelayMs = 0;
  int64_t queueRowsMax = 0;
  size_t queueBytesMax = 0;
  int32_t lanes = 1;
  double ageingMs = 0;
  std::vector<double> seedMs;   // see LatencyTable
  std::vector<int32_t> sizes;   // see PlanRules
  std::vector<int32_t> closeAt;
  // See Recheck: below 0 nothing is run again.
  double recheckTolerance = -1;
  bool proven = false;
  bool cpuTimes = false;        // measures BatchTimes::runCpuMs
};

// Most requests one plan looks at, and so most that one drops.
size_t windowMax(const BatcherOptions& options);

class Scheduler {
 public:
  explicit Scheduler(const BatcherOptions& options);

  // When so many rows would be answered if an engine free at `freeAtMs` ran them alone.
  double answeredAtMs(double freeAtMs, int32_t rows) const;

  // Whether a request that comes now cannot be answered in time by the first engine to be free, at `freeAtMs`.
  bool comesTooLate(const Request& request, double freeAtMs) const;

  RequestQueue& queue() { return queue_; }
  const RequestQueue& queue() const { return queue_; }
  // Counts rows that come, let in or not.
  void offered(int32_t rows) { rowsSince_ += rows; }
  void push(Request* request);

  // From now on every request runs by itself: rows of this model can't share a batch after all.
  void batchNothing() { alone_ = true; }

  // Rows of the pieces that a request of more rows than a batch takes is best cut into, as far as is known.
  int32_t pieceRows() const;

  // Whether there is anything for one more engine, while batches of `yielding` others let others pass.
  bool wants(double nowMs, int32_t yielding) const { return wantedAtMs(nowMs, yielding) <= nowMs; }
  // When there is, if nobody comes; infinity: nothing waits.
  double wantedAtMs(double nowMs, int32_t yielding) const;

  // The next batch of an idle engine while `running` others are busy, `yielding` of them with requests that let others pass.
  // What leaves the queue is in `members` and `dropped`; without members, `startAtMs` says when to ask again.
  struct Next {
    std::vector<Request*>& members;
    std::vector<Request*>& dropped;
    int32_t rows = 0;
    int32_t paddedRows = 0;
    double startAtMs = kNoDeadline;
    double expectedMs = 0;  // how long it will run
  };
  void next(double nowMs, int32_t running, int32_t yielding, Next& next);

  // An engine that had work was given cores of the host after so long; 0: at once.
  void gotCores(double waitedMs);

  // A batch has run beside `running` others until `endedMs`; its answers were in the callers' hands `deliveryMs` after it.
  void ran(int32_t paddedRows, int32_t running, double latencyMs, double endedMs);
  void delivered(double deliveryMs);

  // Nothing runs: what was measured long ago is forgotten. One outlier would refuse every
  // request, and what is refused measures nothing.
  void idleAt(double nowMs);

  // How long a batch of all that waits, as far as they fit, is expected to run; 0: unknown.
  double nextRunMs() const;
  // When a batch has to start so that whoever is due first is in time, of those who still can be; infinity: nobody can, or has
  // a deadline. Whoever is lost anyway makes nothing urgent.
  double latestStartMs(double nowMs) const;

  // Time until all that waits is done by one engine.
  double queuedMs(int64_t besideRows) const;
  const std::vector<double>& latencyMs() const { return latency_.meanMs(); }

 private:
  static constexpr double kNever = -kNoDeadline;

  bool keepsFree(double nowMs, int32_t yielding) const;
  PlanRules rules(double slowdown) const;
  void took(double nowMs);

  const BatcherOptions options_;
  RequestQueue queue_;
  LatencyTable latency_;
  bool alone_ = false;
  double deliveryMs_ = 0;          // mean
  QuantileTrack deliveryTail_;     // in means
  double ranAtMs_ = 0;             // 0: nothing measured
  double lastArrivalMs_ = 0;
  double passedAtMs_ = kNever;  // when the last request came that lets nobody pass
  double arrivalGapMs_ = 0;  // 0: not known yet
  // Rows offered and the time they came in, over the last batches (older ones fade).
  double offeredRows_ = 0;
  double offeredMs_ = 0;
  double rowsSince_ = 0;
  double tookAtMs_ = 0;
  // Means of the last batches: what they waited for cores, and what they ran.
  double waitedMs_ = 0;
  double ranMs_ = 0;
  std::vector<Request*> window_;   // scratch of next()
  std::vector<Candidate> candidates_;
  Plan plan_;
};

}  // namespace cb
