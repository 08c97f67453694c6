#include <cmath>
#include <deque>
#include <memory>

#include "check.h"
#include "scheduling/scheduler.h"

using namespace cb;

namespace {

constexpr double kDurationMs = 20000;
constexpr double kWarmUpMs = 500;

// Equal numbers on every machine (splitmix64).
class Draws {
 public:
  explicit Draws(uint64_t seed) : state_(seed) {}
  double uniform() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (static_cast<double>((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
  }
  double exponential(double mean) { return -std::log(uniform()) * mean; }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform()); }

 private:
  uint64_t state_;
};

struct Scenario {
  int32_t maxBatch;
  double fixedMs;    // a batch of b rows takes fixedMs + rowMs * b ...
  double rowMs;
  double deadlineMs;
  double load;       // in saturations
  double sigma = 0;  // ... times a log-normal factor ...
  double outliers = 0;  // ... and three times as long in this share of runs
  double deliveryMs = 0;
  double batchMs(int32_t rows) const { return fixedMs + rowMs * rows; }
  // Mean of the factors above.
  double drag() const { return std::exp(sigma * sigma / 2) * (1 + 2 * outliers); }
};

struct Outcome {
  double goodput;  // in shares of saturation
  double expired;  // share of the engine's time
};

// Poisson arrivals of single rows on one engine, in virtual time, decided by the scheduler that serves in earnest.
Outcome serve(const Scenario& s) {
  BatcherOptions options;
  options.maxBatch = s.maxBatch;
  options.queueRowsMax = 100000;
  options.queueBytesMax = 1;
  for (int32_t rows = 1; rows <= s.maxBatch; rows++) options.seedMs.push_back(s.batchMs(rows));
  Scheduler scheduler(options);
  Draws draws(7);
  const double saturationPerMs = s.maxBatch / (s.batchMs(s.maxBatch) * s.drag());
  std::deque<Request> memory;
  std::vector<Request*> members;
  std::vector<Request*> dropped;
  double nowMs = 0;
  double arrivalMs = 0;
  double good = 0;
  double busyMs = 0;
  double expiredMs = 0;
  while (nowMs < kDurationMs) {
    for (; arrivalMs <= nowMs; arrivalMs += draws.exponential(1 / (saturationPerMs * s.load))) {
      scheduler.offered(1);
      if (scheduler.answeredAtMs(nowMs, 1) > arrivalMs + s.deadlineMs) continue;
      Request& request = memory.emplace_back();
      request.arrivalMs = arrivalMs;
      request.deadlineMs = arrivalMs + s.deadlineMs;
      request.maxBatch = s.maxBatch;
      scheduler.push(&request);
    }
    members.clear();
    dropped.clear();
    Scheduler::Next next{members, dropped};
    scheduler.next(nowMs, 0, 0, next);
    if (members.empty()) {
      nowMs = std::max(nowMs, std::min(arrivalMs, next.startAtMs));
      continue;
    }
    double runMs = s.batchMs(next.rows) * std::exp(s.sigma * draws.normal());
    if (draws.uniform() < s.outliers) runMs *= 3;
    nowMs += runMs;
    scheduler.ran(next.rows, 0, runMs, nowMs);
    scheduler.delivered(s.deliveryMs);
    if (nowMs < kWarmUpMs) continue;
    busyMs += runMs;
    for (const Request* member : members) {
      if (member->deadlineMs >= nowMs + s.deliveryMs) good++;
      else expiredMs += runMs / next.rows;
    }
  }
  return {good / (kDurationMs - kWarmUpMs) / saturationPerMs, expiredMs / busyMs};
}

// Shapes of what was measured: a transformer of large batches, a convolution that gains little, a dense net whose full
// batch takes nearly all the time there is, and one with plenty.
constexpr Scenario kModels[] = {
    {32, 0.13, 0.045, 10, 0}, {2, 0.25, 0.9, 10, 0}, {64, 1.14, 0.162, 13, 0}, {64, 1.14, 0.162, 50, 0}};

void holds(const Scenario& s, double goodputLeast, double expiredMost) {
  const Outcome o = serve(s);
  std::printf("batch %d, deadline %.0f ms, load %.1f, sigma %.2f: goodput %.3f, expired %.4f\n", s.maxBatch,
              s.deadlineMs, s.load, s.sigma, o.goodput, o.expired);
  CHECK(o.goodput >= goodputLeast);
  CHECK(o.expired <= expiredMost);
}

}  // namespace

TEST("at twice saturation nearly all of it is in time when runs take what is expected") {
  for (Scenario s : kModels) {
    s.load = 2;
    holds(s, 0.95, 0.005);
  }
}

TEST("at twice saturation nine tenths are in time when runs scatter and one in a hundred takes three times as long") {
  for (Scenario s : kModels) {
    s.load = 2;
    s.sigma = 0.1;
    s.outliers = 0.01;
    holds(s, 0.9, 0.03);
  }
}

TEST("at saturation itself little is lost") {
  for (Scenario s : kModels) {
    s.load = 1;
    holds(s, 0.9, 0.005);
  }
}

TEST("at half of saturation nothing is lost, scattering runs or not") {
  for (Scenario s : kModels) {
    s.load = 0.5;
    holds(s, 0.48, 0.005);
    s.sigma = 0.1;
    holds(s, 0.48, 0.005);
  }
}

TEST("the time an answer takes to its caller is planned for") {
  for (Scenario s : kModels) {
    s.load = 2;
    s.deliveryMs = 1;
    holds(s, 0.9, 0.005);
  }
}

MAIN_OF_TESTS
