#include "scheduling/batch_policy.h"

#include <limits>

#include "check.h"

using namespace cb;

namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

// A queue in serving order and what the plan goes by; lat(b) = fixedMs + rowMs * b.
struct Situation {
  std::vector<Candidate> queue;
  std::vector<double> latencyMs;
  std::vector<int32_t> sizes;
  std::vector<int32_t> closeAt;
  PlanRules rules{};

  Situation(int32_t maxBatch, double fixedMs, double rowMs) {
    latencyMs.push_back(0);
    for (int32_t b = 1; b <= maxBatch; b++) latencyMs.push_back(fixedMs + rowMs * b);
    rules = {maxBatch, 1, 0, 0, 0, latencyMs.data(), 1, 1, 0, nullptr, 0, nullptr, 0, 0, 0};
  }
  Situation& add(double arrivalMs, double deadlineMs, int32_t rows = 1, int32_t lane = 0, uint64_t shape = 0) {
    queue.push_back({arrivalMs, deadlineMs, rows, lane, rules.maxBatch, shape});
    return *this;
  }
  Plan plan(double nowMs) {
    rules.sizes = sizes.data();
    rules.sizeCount = sizes.size();
    rules.closeAt = closeAt.data();
    rules.closeAtCount = closeAt.size();
    Plan planned;
    planBatch(nowMs, queue.data(), queue.size(), rules, planned);
    return planned;
  }
};

}  // namespace

TEST("an idle engine runs a lone request at once") {
  const Plan plan = Situation(8, 10, 1).add(0, kForever).plan(5);
  CHECK(plan.take == std::vector<int32_t>{0});
  CHECK(plan.startAtMs <= 5);
  CHECK(plan.rows == 1 && plan.paddedRows == 1);
}

TEST("an empty queue plans nothing") {
  const Plan plan = Situation(8, 10, 1).plan(5);
  CHECK(plan.take.empty() && plan.drop.empty() && plan.startAtMs == kForever);
}

TEST("a batch is the sum of rows, up to the largest") {
  Situation s(8, 10, 1);
  s.add(0, kForever, 3).add(0, kForever, 4).add(0, kForever, 2).add(0, kForever, 1);
  const Plan plan = s.plan(0);
  CHECK((plan.take == std::vector<int32_t>{0, 1, 3}));
  CHECK(plan.rows == 8);
}

TEST("the batch closes where one more row would make its head late") {
  Situation s(8, 10, 1);
  s.add(0, 13).add(0, 100).add(0, 100).add(0, 100).add(0, 100);
  const Plan plan = s.plan(0);
  CHECK(plan.rows == 3);  // 10 + 3 = 13
  CHECK(plan.drop.empty());
}

TEST("a request that is late even alone is dropped, not computed") {
  Situation s(8, 10, 1);
  s.add(0, 10.5).add(0, 100);
  const Plan plan = s.plan(0);
  CHECK(plan.drop == std::vector<int32_t>{0});
  CHECK(plan.take == std::vector<int32_t>{1});
}

TEST("under overload a head that forces a small batch is dropped") {
  Situation s(8, 10, 1);
  for (int i = 0; i < 32; i++) s.add(0, 12 + i * 0.1);
  const Plan plan = s.plan(0);
  CHECK(plan.rows >= 3);
  CHECK(!plan.drop.empty());
}

TEST("a backlog too long loses its oldest, but never what fills a batch") {
  Situation s(4, 3, 0.25);  // 4 rows in 4 ms
  for (int i = 0; i < 40; i++) s.add(-12 + i * 0.3, 8 + i * 0.3);
  const Plan plan = s.plan(0);
  CHECK(plan.rows == 4);
  for (const int32_t i : plan.take) CHECK(s.queue[static_cast<size_t>(i)].deadlineMs >= 10);
}

TEST("a burst that can just be served loses nobody") {
  Situation s(4, 3, 0.25);
  for (int i = 0; i < 16; i++) s.add(0, 30);
  CHECK(s.plan(0).drop.empty());
  CHECK(s.plan(0).rows == 4);
}

TEST("a nearly late head is served in a small batch when the rest can wait") {
  Situation s(8, 10, 1);
  s.add(0, 12);
  for (int i = 0; i < 7; i++) s.add(0, 200);
  const Plan plan = s.plan(0);
  CHECK(plan.drop.empty());
  CHECK(plan.rows == 2);
}

TEST("a head that forces a batch too small for what comes is dropped, though the rest is in time once") {
  Situation s(8, 10, 1);
  s.add(0, 12);
  for (int i = 0; i < 7; i++) s.add(0, 200);
  s.rules.offeredPerMs = 0.4;  // 8 rows take 18 ms, 2 take 12
  const Plan plan = s.plan(0);
  CHECK(plan.drop == std::vector<int32_t>{0});
  CHECK(plan.rows == 7);
}

TEST("a batch that would keep up with what comes does not where its engine waits for cores for half of the time") {
  Situation s(8, 10, 1);
  s.add(0, 12);
  for (int i = 0; i < 7; i++) s.add(0, 200);
  s.rules.offeredPerMs = 0.1;
  CHECK(s.plan(0).drop.empty());
  s.rules.runShare = 0.5;
  CHECK(s.plan(0).drop == std::vector<int32_t>{0});
}

TEST("safety shrinks what fits before a deadline") {
  Situation s(8, 10, 1);
  for (int i = 0; i < 8; i++) s.add(0, 1000);
  s.queue[0].deadlineMs = 18;
  CHECK(s.plan(0).rows == 8);
  s.rules.safety = 1.5;
  CHECK(s.plan(0).rows == 2);  // 12 * 1.5 = 18
}

TEST("equal shapes share a batch, others wait") {
  Situation s(8, 10, 1);
  s.add(0, kForever, 1, 0, 1).add(0, kForever, 1, 0, 2).add(0, kForever, 1, 0, 1);
  CHECK((s.plan(0).take == std::vector<int32_t>{0, 2}));
}

TEST("a member's own largest batch bounds the batch") {
  Situation s(8, 10, 1);
  for (int i = 0; i < 6; i++) s.add(0, kForever);
  s.queue[1].maxBatch = 2;
  CHECK(s.plan(0).rows == 2);
}

TEST("sizes that cost items per second are not formed") {
  Situation s(8, 0, 1);
  for (int32_t b = 5; b <= 8; b++) s.latencyMs[static_cast<size_t>(b)] = 2.0 * b;
  for (int i = 0; i < 8; i++) s.add(0, kForever);
  CHECK(s.plan(0).rows == 4);
}

TEST("a batch is padded up to an allowed size") {
  Situation s(8, 10, 1);
  s.sizes = {1, 4, 8};
  s.add(0, kForever).add(0, kForever).add(0, kForever);
  const Plan plan = s.plan(0);
  CHECK(plan.rows == 3 && plan.paddedRows == 4);
}

TEST("with a queue delay the batch is held until its oldest member has waited it out") {
  Situation s(8, 10, 1);
  s.rules.maxQueueDelayMs = 5;
  s.add(1, kForever).add(2, kForever);
  CHECK(s.plan(3).startAtMs == 6);
  CHECK(s.plan(6).startAtMs <= 6);
}

TEST("a held batch starts before its head would be late with one more") {
  Situation s(8, 10, 1);
  s.rules.maxQueueDelayMs = 50;
  s.add(0, 20);
  CHECK(s.plan(0).startAtMs == 8);  // 20 - (10 + 2)
}

TEST("nothing is held when nobody is expected in time") {
  Situation s(8, 10, 1);
  s.rules.maxQueueDelayMs = 5;
  s.rules.arrivalGapMs = 100;
  s.add(0, kForever);
  CHECK(s.plan(0).startAtMs <= 0);
}

TEST("a full batch is not held") {
  Situation s(2, 10, 1);
  s.rules.maxQueueDelayMs = 5;
  s.add(0, kForever).add(0, kForever);
  CHECK(s.plan(0).startAtMs <= 0);
}

TEST("a batch of a size that was asked for runs at once, the rest waits for the next") {
  Situation s(16, 10, 0.1);
  s.rules.maxQueueDelayMs = 50;
  s.closeAt = {4, 8};
  for (int i = 0; i < 6; i++) s.add(0, kForever);
  const Plan plan = s.plan(0);
  CHECK(plan.rows == 4 && plan.take.size() == 4 && plan.startAtMs <= 0);
  for (int i = 0; i < 6; i++) s.add(0, kForever);
  CHECK(s.plan(0).rows == 8);
}

TEST("a batch between the sizes asked for is held, however efficient it is, and runs when its time is out") {
  Situation s(16, 10, 10);
  s.rules.maxQueueDelayMs = 50;
  s.closeAt = {4, 8};
  s.add(0, kForever).add(0, kForever).add(0, kForever);
  CHECK(s.plan(0).startAtMs == 50);
  const Plan plan = s.plan(50);
  CHECK(plan.rows == 3 && plan.startAtMs <= 50);
}

TEST("a single request beyond the sizes asked for runs as it is") {
  Situation s(16, 10, 1);
  s.closeAt = {4};
  s.add(0, kForever, 6).add(0, kForever, 2);
  const Plan plan = s.plan(0);
  CHECK(plan.rows == 6 && plan.take.size() == 1);
}

TEST("everyone hopeless leaves nothing to run") {
  const Plan plan = Situation(8, 10, 1).add(0, 1).add(0, 2).plan(0);
  CHECK(plan.take.empty() && plan.rows == 0);
  CHECK(plan.drop.size() == 2);
}

TEST("while latencies are unknown everything waiting is taken") {
  Situation s(4, 0, 0);
  for (int i = 0; i < 6; i++) s.add(0, 1);
  CHECK(s.plan(0).rows == 4);
}

MAIN_OF_TESTS
