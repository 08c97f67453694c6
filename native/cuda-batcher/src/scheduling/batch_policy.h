// When to close a batch and who is in it: a pure function, also exported to TypeScript, so that the simulator decides
// exactly as the device does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cb {

// A waiting request as the policy sees it. Candidates come in serving order: lane, then deadline, then arrival.
struct Candidate {
  double arrivalMs;
  double deadlineMs;  // infinity: none
  int32_t rows;
  int32_t lane;
  int32_t maxBatch;
  uint64_t shapeKey;  // only equal keys share a batch
};

struct PlanRules {
  int32_t maxBatch;
  int32_t engines;          // batches that run at a time
  double maxQueueDelayMs;   // longest a request is held in the hope of company; 0: never
  double arrivalGapMs;      // expected time to the next arrival; infinity: nobody is expected
  double offeredPerMs;      // rows that have come lately, in time to be served or not; 0: unknown
  const double* latencyMs;  // expected latency by rows, index 0..maxBatch, never falling; all 0: unknown
  double slowdown;          // what all of them are multiplied by, because other batches run beside this one
  double safety;            // what a latency is multiplied by besides, before it is compared with a deadline
  double deliveryMs;        // from the end of a run until its answers are in their callers' hands
  const int32_t* sizes;     // allowed batch sizes, rising; a batch is padded up to the next; none: any size
  size_t sizeCount;
  const int32_t* closeAt;   // sizes, rising, at which a batch is run at once; above the last it does not grow; none: judged
  size_t closeAtCount;      // by latency
  int32_t hiddenRows;       // rows of the first lane that wait behind the candidates shown
  double hiddenDeadlineMs;  // the last deadline among them
  double runShare = 1;      // of the time in which an engine has work, that of its runs; else it waits for cores of the host
};

struct Plan {
  std::vector<int32_t> take;  // indices of the batch's members, in serving order
  std::vector<int32_t> drop;  // indices of those that can no longer be served in time: refuse them
  int32_t rows = 0;           // rows of the batch
  int32_t paddedRows = 0;     // rows the engine runs, >= rows
  double startAtMs = 0;       // <= now: run it; later: wait until then, and plan again when anything changes
};

// Plans the next batch of one idle engine. Linear in the candidates, plus one short search per dropped head.
void planBatch(double nowMs, const Candidate* candidates, size_t count, const PlanRules& rules, Plan& plan);

// Smallest batch that reaches `share` of the best items/s among sizes up to `rowsMax`; 1 while nothing is known.
int32_t efficientBatch(const PlanRules& rules, int32_t rowsMax, double share);

}  // namespace cb
