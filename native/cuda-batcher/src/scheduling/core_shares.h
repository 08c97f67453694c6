// Whose batch runs next on the cores of a host: a pure function of the time, of those who wait for cores and of those who
// hold some. Earliest latest start first, within fair shares by weight.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cb {

// One who waits for cores to run a batch.
struct CoreWaiter {
  int32_t cores;
  bool idleWork;         // work that leaves the cores to others, such as profiling, but for kIdleShare of the time
  double latestStartMs;  // latest start of a batch that is in time; infinity: no deadline
  double sinceMs;        // when it began to wait
  double expectedMs;     // how long its batch runs; 0: unknown
  double used;           // core milliseconds used so far, divided by its weight
};

// Cores in use until `untilMs`, as expected.
struct CoresInUse {
  int32_t cores;
  double untilMs;
};

// Idle work that has waited so long that its run is this share of the time waits as others do.
constexpr double kIdleShare = 0.1;
// Of idle work whose runs are shorter than this, or of unknown length, as if they were this long.
constexpr double kIdleRunLeastMs = 1;
// Milliseconds of all cores by which one may be ahead of the one who has used least before it waits for all others. Below
// it deadlines alone decide; starvation is bounded by it.
constexpr double kShareSlackMs = 50;

// The slack in core milliseconds on a host of so many cores.
constexpr double shareSlack(int32_t cores) { return kShareSlackMs * cores; }

constexpr size_t kNoWaiter = static_cast<size_t>(-1);

// The index of the waiter to be given its cores now; kNoWaiter: none is. `cores` are those of the host, `free` those not in
// use. When the first in order does not fit, cores are left free for it. A run is let past it that ends before it can start,
// as expected; or so soon after that less is idle than without it, if that makes nobody late who would be in time and the
// run's batcher is not ahead of its share. A run that is overdue by some time is expected to take as long again.
size_t nextForCores(double nowMs, const CoreWaiter* waiters, size_t waiterCount, const CoresInUse* inUse, size_t inUseCount,
                    int32_t cores, int32_t free);

}  // namespace cb
