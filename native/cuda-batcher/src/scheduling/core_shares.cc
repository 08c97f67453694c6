#include "scheduling/core_shares.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace cb {

namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

bool yields(const CoreWaiter& waiter, double nowMs) {
  const double runMs = std::max(waiter.expectedMs, kIdleRunLeastMs);
  return waiter.idleWork && nowMs - waiter.sinceMs < runMs * (1 / kIdleShare - 1);
}

struct Order {
  double nowMs;
  double usedMost;  // who has used more is ahead of its share

  bool operator()(const CoreWaiter& a, const CoreWaiter& b) const {
    const bool aYields = yields(a, nowMs);
    const bool bYields = yields(b, nowMs);
    if (aYields != bYields) return bYields;
    const bool aAhead = a.used > usedMost;
    const bool bAhead = b.used > usedMost;
    if (aAhead != bAhead) return bAhead;
    if (aAhead && a.used != b.used) return a.used < b.used;
    if (a.latestStartMs != b.latestStartMs) return a.latestStartMs < b.latestStartMs;
    if (a.used != b.used) return a.used < b.used;
    return a.sinceMs < b.sinceMs;
  }
};

// When so many cores are free, as expected.
double freeAtMs(double nowMs, const CoresInUse* inUse, size_t count, int32_t free, int32_t wanted) {
  std::vector<CoresInUse> runs(inUse, inUse + count);
  for (CoresInUse& run : runs) run.untilMs = nowMs + std::abs(run.untilMs - nowMs);
  std::sort(runs.begin(), runs.end(), [](const CoresInUse& a, const CoresInUse& b) { return a.untilMs < b.untilMs; });
  double atMs = nowMs;
  for (const CoresInUse& run : runs) {
    if (free >= wanted) break;
    free += run.cores;
    atMs = std::max(atMs, run.untilMs);
  }
  return atMs;
}

// Whether `waiter` may run on cores that are left free for `first`, which has all of its cores at `freeMs`.
bool passes(const CoreWaiter& waiter, const CoreWaiter& first, double nowMs, double freeMs, const Order& order) {
  if (waiter.expectedMs <= 0) return false;
  const double endMs = nowMs + waiter.expectedMs;
  if (endMs <= freeMs) return true;
  if (waiter.idleWork || waiter.used > order.usedMost) return false;
  if (freeMs <= first.latestStartMs && endMs > first.latestStartMs) return false;
  const double idleWithMs = (endMs - freeMs) * (first.cores - waiter.cores);
  const double idleWithoutMs = (freeMs - nowMs) * waiter.cores;
  return idleWithMs < idleWithoutMs;
}

}  // namespace

size_t nextForCores(double nowMs, const CoreWaiter* waiters, size_t waiterCount, const CoresInUse* inUse, size_t inUseCount,
                    int32_t cores, int32_t free) {
  if (waiterCount == 0 || free <= 0) return kNoWaiter;
  double usedLeast = kForever;
  for (size_t i = 0; i < waiterCount; i++) {
    if (!yields(waiters[i], nowMs)) usedLeast = std::min(usedLeast, waiters[i].used);
  }
  const Order before{nowMs, usedLeast + shareSlack(cores)};
  const size_t first = static_cast<size_t>(std::min_element(waiters, waiters + waiterCount, before) - waiters);
  if (waiters[first].cores <= free) return first;
  const double freeMs = freeAtMs(nowMs, inUse, inUseCount, free, waiters[first].cores);
  size_t next = kNoWaiter;
  for (size_t i = 0; i < waiterCount; i++) {
    const CoreWaiter& waiter = waiters[i];
    if (waiter.cores > free || !passes(waiter, waiters[first], nowMs, freeMs, before)) continue;
    if (next == kNoWaiter || before(waiter, waiters[next])) next = i;
  }
  return next;
}

}  // namespace cb
