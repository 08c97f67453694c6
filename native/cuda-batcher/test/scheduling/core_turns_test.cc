// Two schedulers that share the cores of a host, in virtual time: decided by what decides in earnest.
#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

#include "check.h"
#include "scheduling/core_shares.h"
#include "scheduling/scheduler.h"

using namespace cb;

namespace {

constexpr int32_t kCores = 2;
constexpr int32_t kMaxBatch = 16;
constexpr double kDurationMs = 20'000;
constexpr double kWarmUpMs = 1'000;
constexpr double kDeadlineInRuns = 10;

// Equal numbers on every machine (a linear congruential generator of Knuth's).
struct Draws {
  uint64_t state = 11;
  double exponential(double mean) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return -std::log((static_cast<double>(state >> 11) + 0.5) * 0x1p-53) * mean;
  }
};

// A model under Poisson arrivals of single rows; a batch of b rows takes fixedMs + rowMs * b on `cores` cores.
struct Side {
  struct Run {
    std::vector<Request*> members;  // empty: the engine is idle
    double endMs = 0;
    double runMs = 0;
    int32_t rows = 0;
    int32_t beside = 0;
    double wantedAtMs = kNoDeadline;
  };
  double fixedMs;
  double rowMs;
  int32_t cores;
  double load;  // in saturations
  std::unique_ptr<Scheduler> scheduler;
  std::vector<Run> runs;
  std::deque<Request> memory;
  double arrivalMs = 0;
  double sinceMs = 0;
  double used = 0;
  double offered = 0;
  double inTime = 0;

  Side(double fixed, double row, int32_t coresOfRun, double offeredLoad)
      : fixedMs(fixed), rowMs(row), cores(coresOfRun), load(offeredLoad), runs(static_cast<size_t>(kCores / coresOfRun)) {
    BatcherOptions options;
    options.maxBatch = kMaxBatch;
    options.instances = kCores / cores;
    options.queueRowsMax = 100'000;
    options.queueBytesMax = 1;
    for (int32_t rows = 1; rows <= kMaxBatch; rows++) options.seedMs.push_back(batchMs(rows));
    scheduler = std::make_unique<Scheduler>(options);
  }
  double batchMs(int32_t rows) const { return fixedMs + rowMs * rows; }
  double gapMs() const { return batchMs(kMaxBatch) / (kMaxBatch * load * static_cast<double>(runs.size())); }
  int32_t running() const {
    return static_cast<int32_t>(std::count_if(runs.begin(), runs.end(), [](const Run& run) { return !run.members.empty(); }));
  }
  Run* idle() {
    const auto at = std::find_if(runs.begin(), runs.end(), [](const Run& run) { return run.members.empty(); });
    return at == runs.end() ? nullptr : &*at;
  }

  void arrive(double nowMs, Draws& draws) {
    for (; arrivalMs <= nowMs; arrivalMs += draws.exponential(gapMs())) {
      Request& request = memory.emplace_back();
      request.rows = 1;
      request.arrivalMs = arrivalMs;
      request.deadlineMs = arrivalMs + kDeadlineInRuns * batchMs(kMaxBatch);
      request.maxBatch = kMaxBatch;
      scheduler->offered(1);
      scheduler->push(&request);
      if (arrivalMs > kWarmUpMs) offered++;
    }
  }
  // Whether it waits for cores, since when is noted.
  bool waits(double nowMs) {
    if (idle() == nullptr || !scheduler->wants(nowMs, 0)) {
      sinceMs = kNoDeadline;
      return false;
    }
    sinceMs = std::min(sinceMs, nowMs);
    for (Run& run : runs) {
      if (run.members.empty()) run.wantedAtMs = std::min(run.wantedAtMs, nowMs);
    }
    return true;
  }
  void start(double nowMs) {
    Run& run = *idle();
    std::vector<Request*> dropped;
    run.beside = running();
    scheduler->gotCores(nowMs - run.wantedAtMs);
    run.wantedAtMs = kNoDeadline;
    sinceMs = kNoDeadline;
    Scheduler::Next next{run.members, dropped};
    scheduler->next(nowMs, run.beside, 0, next);
    run.rows = next.rows;
    run.runMs = batchMs(std::max(next.rows, 1));
    run.endMs = nowMs + run.runMs;
  }
  void end(double nowMs) {
    for (Run& run : runs) {
      if (run.members.empty() || run.endMs > nowMs) continue;
      for (const Request* member : run.members) inTime += member->arrivalMs > kWarmUpMs && member->deadlineMs >= nowMs ? 1 : 0;
      run.members.clear();
      used += cores * run.runMs;
      scheduler->ran(run.rows, run.beside, run.runMs, nowMs);
    }
  }
};

// Gives free cores to whose turn it is.
void share(Side& one, Side& other, double nowMs) {
  for (;;) {
    std::vector<Side*> who;
    std::vector<CoreWaiter> waiters;
    std::vector<CoresInUse> inUse;
    int32_t free = kCores;
    for (Side* side : {&one, &other}) {
      for (const Side::Run& run : side->runs) {
        if (run.members.empty()) continue;
        inUse.push_back({side->cores, run.endMs});
        free -= side->cores;
      }
      if (!side->waits(nowMs)) continue;
      who.push_back(side);
      waiters.push_back({side->cores, false, side->scheduler->latestStartMs(nowMs), side->sinceMs, side->scheduler->nextRunMs(),
                         side->used});
    }
    const size_t next = nextForCores(nowMs, waiters.data(), waiters.size(), inUse.data(), inUse.size(), kCores, free);
    if (next == kNoWaiter) return;
    who[next]->start(nowMs);
  }
}

void serve(Side& one, Side& other) {
  Draws draws;
  double nowMs = 0;
  while (nowMs < kDurationMs) {
    double nextMs = kNoDeadline;
    for (Side* side : {&one, &other}) {
      side->end(nowMs);
      side->arrive(nowMs, draws);
    }
    share(one, other, nowMs);
    for (const Side* side : {&one, &other}) {
      nextMs = std::min(nextMs, side->arrivalMs);
      for (const Side::Run& run : side->runs) {
        if (!run.members.empty()) nextMs = std::min(nextMs, run.endMs);
      }
    }
    nowMs = nextMs;
  }
}

}  // namespace

// Each is offered 0.6 of what both cores give it; were the cores divided without any loss, five in six would be in time.
TEST("of two models with 1.2 times the load of the host most are in time, whatever a wide one's batches cost beside their rows") {
  for (const double fixedMs : {0.0, 4.0, 16.0}) {
    Side narrow(0.1, 0.1, 1, 0.6);
    Side wide(fixedMs, 2, kCores, 0.6);
    serve(narrow, wide);
    CHECK(narrow.inTime / narrow.offered + wide.inTime / wide.offered > 0.92 * 10 / 6);
  }
}

MAIN_OF_TESTS
