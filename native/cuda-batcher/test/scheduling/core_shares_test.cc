#include "scheduling/core_shares.h"

#include <limits>
#include <vector>

#include "check.h"

using namespace cb;

namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

CoreWaiter waiter(int32_t cores, double latestStartMs, double expectedMs = 0, double used = 0) {
  return {cores, false, latestStartMs, 0, expectedMs, used};
}

size_t next(double nowMs, const std::vector<CoreWaiter>& waiters, const std::vector<CoresInUse>& inUse, int32_t cores) {
  int32_t free = cores;
  for (const CoresInUse& run : inUse) free -= run.cores;
  return nextForCores(nowMs, waiters.data(), waiters.size(), inUse.data(), inUse.size(), cores, free);
}

// Batchers that always have work, served by the rule on a host of `cores` cores in virtual time.
struct Host {
  struct Busy {
    int32_t cores;
    double runMs;
    double weight = 1;
    double timeLeftMs = kForever;  // of whom waits; infinity: no deadline
    bool idleWork = false;
    double sinceMs = 0;
    double used = 0;
    double coreMs = 0;
    double longestWaitMs = 0;
    double untilMs = -1;  // it runs; below 0: it waits
  };
  int32_t cores;
  std::vector<Busy> all;

  void run(double forMs) {
    double nowMs = 0;
    while (nowMs < forMs) {
      for (;;) {
        std::vector<CoreWaiter> waiters;
        std::vector<Busy*> who;
        std::vector<CoresInUse> inUse;
        for (Busy& one : all) {
          if (one.untilMs >= 0) {
            inUse.push_back({one.cores, one.untilMs});
            continue;
          }
          waiters.push_back({one.cores, one.idleWork, one.sinceMs + one.timeLeftMs, one.sinceMs, one.runMs, one.used});
          who.push_back(&one);
        }
        const size_t chosen = next(nowMs, waiters, inUse, cores);
        if (chosen == kNoWaiter) break;
        Busy& one = *who[chosen];
        one.longestWaitMs = std::max(one.longestWaitMs, nowMs - one.sinceMs);
        one.untilMs = nowMs + one.runMs;
      }
      double endMs = kForever;
      for (const Busy& one : all) {
        if (one.untilMs >= 0) endMs = std::min(endMs, one.untilMs);
      }
      nowMs = endMs;
      for (Busy& one : all) {
        if (one.untilMs != nowMs) continue;
        one.untilMs = -1;
        one.sinceMs = nowMs;
        one.coreMs += one.cores * one.runMs;
        one.used += one.cores * one.runMs / one.weight;
      }
    }
  }
  double share(size_t index) const {
    double sum = 0;
    for (const Busy& one : all) sum += one.coreMs;
    return all[index].coreMs / sum;
  }
};

bool near(double value, double wanted) { return value > wanted - 0.05 && value < wanted + 0.05; }

}  // namespace

TEST("nobody waits, or no core is free: nobody is next") {
  CHECK(next(0, {}, {}, 2) == kNoWaiter);
  CHECK(next(0, {waiter(1, 5)}, {{2, 10}}, 2) == kNoWaiter);
}

TEST("the earliest latest start is next, and who has no deadline comes behind") {
  CHECK(next(0, {waiter(1, kForever), waiter(1, 9), waiter(1, 5)}, {}, 2) == 2);
}

TEST("who is ahead of its share by more than the slack waits for the others") {
  const double ahead = shareSlack(2) + 1;
  CHECK(next(0, {waiter(1, 1, 0, ahead), waiter(1, kForever)}, {}, 2) == 1);
  CHECK(next(0, {waiter(1, 1, 0, ahead - 2), waiter(1, kForever)}, {}, 2) == 0);
  CHECK(next(0, {waiter(1, 1, 0, ahead)}, {}, 2) == 0);
}

TEST("cores are left free for a wide run, but for those that end before it can start") {
  const std::vector<CoresInUse> inUse{{1, 10}};
  CHECK(next(0, {waiter(2, 1), waiter(1, 5, 20)}, inUse, 2) == kNoWaiter);
  CHECK(next(0, {waiter(2, 1), waiter(1, 5, 10)}, inUse, 2) == 1);
  CHECK(next(0, {waiter(2, 1), waiter(1, 5, 0)}, inUse, 2) == kNoWaiter);  // nobody knows when it ends
}

TEST("a run that is overdue by some time is expected to take as long again, and keeps no core idle meanwhile") {
  const std::vector<CoresInUse> inUse{{1, 10}};
  CHECK(next(10.5, {waiter(2, 1), waiter(1, 5, 1)}, inUse, 2) == kNoWaiter);
  CHECK(next(11, {waiter(2, 1), waiter(1, 5, 1)}, inUse, 2) == 1);
  CHECK(next(20, {waiter(2, 1), waiter(1, 5, 10)}, inUse, 2) == 1);
}

TEST("a run that begins just after another is let past a wide one: to keep it out would keep a core idle") {
  const std::vector<CoresInUse> inUse{{1, 10}};
  CHECK(next(0.1, {waiter(2, 1), waiter(1, 5, 10)}, inUse, 2) == 1);
  CHECK(next(4, {waiter(2, 1), waiter(1, 5, 10)}, inUse, 2) == 1);
  CHECK(next(6, {waiter(2, 1), waiter(1, 5, 10)}, inUse, 2) == kNoWaiter);  // it would keep one idle for longer
  // Seven cores would wait for one.
  CHECK(next(4, {waiter(8, 1), waiter(1, 5, 10)}, {{7, 10}}, 8) == kNoWaiter);
  CHECK(next(1, {waiter(8, 1), waiter(1, 5, 10)}, {{7, 10}}, 8) == 1);
}

TEST("nobody is let past who makes a wide run late, is ahead of its share or does idle work") {
  const std::vector<CoresInUse> inUse{{1, 10}};
  CHECK(next(1, {waiter(2, 10.5), waiter(1, 12, 10)}, inUse, 2) == kNoWaiter);
  CHECK(next(1, {waiter(2, 11), waiter(1, 12, 10)}, inUse, 2) == 1);
  CHECK(next(1, {waiter(2, 9), waiter(1, 12, 10)}, inUse, 2) == 1);  // it is late whoever runs
  CHECK(next(1, {waiter(2, 1), waiter(1, 5, 10, shareSlack(2) + 1)}, inUse, 2) == kNoWaiter);
  CoreWaiter idle = waiter(1, kForever, 10);
  idle.idleWork = true;
  CHECK(next(1, {waiter(2, 1), idle}, inUse, 2) == kNoWaiter);
  idle.expectedMs = 9;
  CHECK(next(1, {waiter(2, 1), idle}, inUse, 2) == 1);
}

TEST("idle work gives way until it has waited for nine of its runs") {
  CoreWaiter idle = waiter(1, kForever, 10);
  idle.idleWork = true;
  CoreWaiter other = waiter(1, kForever);
  other.used = 1;
  CHECK(next(89, {idle, other}, {}, 1) == 1);
  CHECK(next(91, {idle, other}, {}, 1) == 0);
  CHECK(next(0, {idle}, {}, 1) == 0);
}

TEST("cores go by weight where all want more than there are, whoever has deadlines") {
  Host host{2, {{1, 3, 3, kForever}, {1, 5, 1, 20}, {1, 4, 1, kForever}, {1, 4, 1, kForever}, {2, 6, 1, 40}}};
  host.run(20'000);
  CHECK(near(host.share(0), 3.0 / 7));
  for (size_t i = 1; i < host.all.size(); i++) CHECK(near(host.share(i), 1.0 / 7));
}

TEST("neither do small runs starve a wide one, nor wide ones a small one") {
  Host small{4, {{4, 10}, {1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}, {1, 2}}};
  small.run(20'000);
  CHECK(near(small.share(0), 1.0 / 9));
  Host wide{4, {{1, 2}, {4, 10, 1, 30}, {4, 10, 1, 30}, {4, 10, 1, 30}}};
  wide.run(20'000);
  // It uses one core at a time: a share of all four is more than it can take, so it is never kept long.
  CHECK(wide.all[0].longestWaitMs <= shareSlack(4) + 3 * 10);
  CHECK(wide.share(0) > 0.02);
}

TEST("idle work has a tenth of the time where others want all of it") {
  Host host{1, {{1, 5, 1, 20}, {1, 5, 1, kForever}, {1, 10, 1, kForever, true}}};
  host.run(20'000);
  CHECK(host.share(2) > 0.05);
  CHECK(host.share(2) < 0.15);
}

MAIN_OF_TESTS
