// What a batcher has done since it was opened. Plain numbers under the batcher's lock; durations in nanoseconds.
#pragma once

#include <cstdint>
#include <vector>

namespace cb {

struct Counters {
  uint64_t requests = 0;   // accepted
  uint64_t rows = 0;       // accepted
  uint64_t batches = 0;    // run, failed ones included
  uint64_t rowsRun = 0;
  uint64_t rowsPadded = 0;
  uint64_t refusedFull = 0;
  uint64_t refusedDeadline = 0;  // by submit
  uint64_t shed = 0;             // dropped from the queue because they could no longer be in time
  uint64_t cancelled = 0;        // left the queue before they ran
  uint64_t failed = 0;           // requests whose batch failed
  uint64_t overdue = 0;          // runs that were ended because they took too long
  uint64_t lateRows = 0;         // ran, and were done after their deadline
  uint64_t rechecked = 0;        // requests that had company and were run again alone
  uint64_t recheckDiffered = 0;  // of those, answered otherwise alone
  uint64_t directBatches = 0;    // ran on the caller's own memory, without a copy
  uint64_t coreWaits = 0;        // batches that waited for cores of the host
  double coreWaitNs = 0;
  double queueNs = 0;            // summed over requests
  double gatherNs = 0;           // the stages are summed over batches
  double copyInNs = 0;
  double runNs = 0;
  double copyOutNs = 0;
  double scatterNs = 0;
  double busyNs = 0;             // gather to copy-out, summed over engine threads
  double lateNs = 0;             // share of busyNs spent on rows that were late
  std::vector<uint64_t> batchRows;  // index = rows: how many batches had so many
};

}  // namespace cb
