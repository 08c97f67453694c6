#include <atomic>
#include <thread>

#include "check.h"
#include "scheduling/request.h"
#include "sharing/core_gate_bench.h"

using namespace cb;

TEST("cores are taken while there are some, waited for, and taken up in order of latest start") {
  Made made(2);
  const auto first = made.claim(2);
  const auto late = made.claim(1);
  const auto soon = made.claim(1);
  const auto wide = made.claim(5);
  CHECK(wide->cores() == 2);
  CHECK(first->take(0, wish()));
  CHECK(made.gate->inUse() == 2);
  CHECK(!late->take(0, wish(nowMs() + 1000)) && late->waiting());
  CHECK(!wide->take(0, wish()));
  CHECK(!soon->take(0, wish(nowMs() + 10)));
  first->leave(0, nowMs());
  CHECK(made.gate->inUse() == 2);
  CHECK(soon->take(0, wish()) && late->take(0, wish()) && !wide->take(0, wish()));
  soon->leave(0, nowMs());
  CHECK(!wide->take(0, wish()));
  late->leave(0, nowMs());
  CHECK(wide->take(0, wish()));
  CHECK(wide->waits() == 1);
  wide->leave(0, nowMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("who goes on with another run waits for those whose turn it is") {
  Made made(1);
  const auto one = made.claim(1);
  const auto other = made.claim(1);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish(nowMs() + 1)));
  CHECK(!one->take(0, wish(nowMs() + 100)) && one->waiting());
  CHECK(other->take(0, wish()));
  other->leave(0, nowMs());
  CHECK(one->take(0, wish()));
  one->leave(0, nowMs());
}

TEST("when a run ends is known of each that goes on, however long others of its batcher have run before") {
  Made made(2);
  const auto small = made.claim(1, 2);
  const auto other = made.claim(1);
  const auto wide = made.claim(2);
  const double startMs = nowMs();
  const auto at = [&](double ms, double expectedMs) { return CoreClaim::Wish{startMs + ms, kNoDeadline, expectedMs, false}; };
  CHECK(small->take(0, at(0, 1)) && small->take(1, at(0.5, 100)));
  CoreClaim::Wish first = at(0.6, 10);
  first.latestStartMs = startMs;
  CHECK(!wide->take(0, first));
  small->leave(0, startMs + 1);
  // The core is left free until 100.5; the run of 1 ms that has ended says nothing of that.
  CHECK(other->take(0, at(2, 90)));
  other->leave(0, startMs + 92);
  CHECK(!other->take(0, at(92, 90)));
  other->hurry(kNoDeadline, 5);
  small->take(0, at(93, 100));
  CHECK(other->take(0, at(94, 5)));
  other->leave(0, startMs + 99);
  small->leave(1, startMs + 100);
  small->leave(0, startMs + 100);
  CHECK(wide->take(0, at(100, 10)));
  wide->leave(0, startMs + 110);
  CHECK(made.gate->inUse() == 0);
}

TEST("who gives up waiting is passed over, whether cores were given or not") {
  Made made(1);
  const auto one = made.claim(1);
  const auto other = made.claim(1);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish()));
  other->leave(0, nowMs());
  one->leave(0, nowMs());
  CHECK(made.gate->inUse() == 0);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish()));
  one->leave(0, nowMs());
  CHECK(made.gate->inUse() == 1);
  other->leave(0, nowMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("a place in the gate is used again, and there are only so many") {
  Made made(1);
  std::vector<std::unique_ptr<CoreClaim>> all;
  for (size_t i = 0; i < kCoreClaimsMax; i++) all.push_back(made.claim(1));
  CHECK(all.back() != nullptr);
  CHECK(made.claim(1) == nullptr && made.error.find("no room for another batcher") != std::string::npos);
  all.pop_back();
  CHECK(made.claim(1) != nullptr);
}

TEST("a run that goes on for long keeps no cores from who waits, and gives none back twice") {
  Made made(2);
  const auto endless = made.claim(1, 2);
  const auto other = made.claim(2);
  const double startMs = nowMs();
  const auto at = [&](double ms) { return CoreClaim::Wish{startMs + ms, kNoDeadline, 1, false}; };
  CHECK(endless->take(0, at(0)) && endless->take(1, at(1)));
  CHECK(!other->take(0, at(2)));
  CHECK(!other->take(0, at(kCoreHoldMaxMs)));
  CHECK(other->take(0, at(kCoreHoldMaxMs + 2)));
  CHECK(made.gate->inUse() == 2);
  endless->leave(0, startMs + kCoreHoldMaxMs + 3);
  CHECK(made.gate->inUse() == 2);
  CHECK(!endless->take(0, at(kCoreHoldMaxMs + 4)));  // while its other run goes on
  other->leave(0, startMs + kCoreHoldMaxMs + 5);
  CHECK(endless->take(0, at(kCoreHoldMaxMs + 6)));
  CHECK(made.gate->inUse() == 1);
  endless->leave(1, startMs + kCoreHoldMaxMs + 7);
  CHECK(made.gate->inUse() == 1);
  endless->leave(0, startMs + kCoreHoldMaxMs + 8);
  CHECK(made.gate->inUse() == 0);
}

TEST("cores given to a thread that does not come for them are kept from nobody for long") {
  Made made(1);
  const auto one = made.claim(1);
  const auto still = made.claim(1);
  const auto other = made.claim(1);
  const double startMs = nowMs();
  const auto at = [&](double ms) { return CoreClaim::Wish{startMs + ms, kNoDeadline, 1, false}; };
  CHECK(one->take(0, at(0)));
  CHECK(!still->take(0, at(1)) && !other->take(0, at(2)));
  one->leave(0, startMs + 3);
  CHECK(!other->take(0, at(4)));
  CHECK(!other->take(0, at(kCoreHoldMaxMs + 2)));
  CHECK(other->take(0, at(kCoreHoldMaxMs + 3)));
  CHECK(still->take(0, at(kCoreHoldMaxMs + 4)));
  CHECK(made.gate->inUse() == 1);
  still->leave(0, startMs + kCoreHoldMaxMs + 5);
  CHECK(made.gate->inUse() == 1);
  // Who gives up what was lent gives nothing back.
  CHECK(!one->take(0, at(kCoreHoldMaxMs + 6)) && !still->take(0, at(kCoreHoldMaxMs + 7)));
  other->leave(0, startMs + kCoreHoldMaxMs + 8);
  CHECK(!still->take(0, at(2 * kCoreHoldMaxMs + 7)));
  CHECK(still->take(0, at(2 * kCoreHoldMaxMs + 8)));
  one->leave(0, startMs + 2 * kCoreHoldMaxMs + 11);
  CHECK(made.gate->inUse() == 1);
  still->leave(0, startMs + 2 * kCoreHoldMaxMs + 12);
  CHECK(made.gate->inUse() == 0);
}

TEST("threads of many claims never hold more than there is, and each gets on") {
  constexpr int32_t kCores = 3;
  constexpr int kRuns = 2000;
  Made made(kCores);
  std::atomic<int32_t> held{0};
  std::atomic<int32_t> most{0};
  // Time that runs took, so that none goes on for long, however busy the machine is.
  std::atomic<int> runs{0};
  const auto at = [&] { return runs * kCoreHoldMaxMs / (2 * 5 * kRuns); };
  std::vector<std::thread> threads;
  for (int32_t cores : {1, 1, 2, 3, 1}) {
    threads.emplace_back([&, cores] {
      const auto claim = made.claim(cores);
      for (int run = 0; run < kRuns; run++) {
        const auto take = [&] { return claim->take(0, {at(), run % 3 == 0 ? kNoDeadline : at(), 1, false}); };
        while (!take()) claim->await(claim->seen());
        const int32_t taken = claim->holds(0) ? cores : 0;
        const int32_t now = held += taken;
        int32_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        held -= taken;
        runs++;
        if (run % 7 == 0) claim->leave(0, at());
      }
      claim->leave(0, at());
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= kCores);
  CHECK(made.gate->inUse() == 0);
}

TEST("a drain counts what others of the host have to do, up to their share") {
  Made made(2);
  const auto one = made.claim(1);
  const auto other = made.claim(1, 1, 3);
  CHECK(one->drainMs(100) == 50);
  other->tell(1000);
  CHECK(one->drainMs(100) == (100 + 300) / 2);
  other->tell(120);
  CHECK(one->drainMs(100) == (100 + 120) / 2);
  CHECK(one->drainMs(0) == 0);
  one->setWeight(3);
  CHECK(one->drainMs(100) == (100 + 100) / 2);
}

MAIN_OF_TESTS
