#include "running/recheck.h"

#include <cmath>
#include <limits>
#include <thread>

#include "batcher_bench.h"
#include "running/tensor_difference.h"

namespace {

BatcherOptions rechecking(double tolerance, bool proven) {
  BatcherOptions o = options(1, 4);
  o.queueBytesMax = size_t{1} << 24;
  o.recheckTolerance = tolerance;
  o.proven = proven;
  return o;
}

// A bench that runs requests of one row again.
struct RecheckBench : Bench {
  uint32_t tickets = 0;

  RecheckBench(double tolerance, bool proven) : Bench(rechecking(tolerance, proven)) {}

  uint32_t ask(float value) {
    const uint32_t ticket = tickets++;
    submit(request(ticket, {value, 5, 5, 5}));
    batcher->wake();
    return ticket;
  }

  // Four requests behind one that runs, so that they share a batch; answers the tickets of the four.
  std::vector<uint32_t> submitTogether(float value) {
    hold(*fake, true);
    const uint32_t first = ask(0);
    awaitRunning(*fake, 1);
    std::vector<uint32_t> own;
    for (int i = 0; i < 4; i++) own.push_back(ask(value));
    hold(*fake, false);
    await(first);
    for (const uint32_t ticket : own) await(ticket);
    return own;
  }

  // Shares batches until so many requests were run again.
  Counters recheckedAtLeast(uint64_t count, float value = 5) {
    const double untilMs = steadyMs() + 20'000;
    while (batcher->counters().rechecked < count && steadyMs() < untilMs) submitTogether(value);
    return batcher->counters();
  }
};

}  // namespace

TEST("requests that keep apart are found to, and go on sharing batches") {
  RecheckBench bench(1e-4, true);
  CHECK(bench.recheckedAtLeast(3).recheckDiffered == 0);
  CHECK(bench.batcher->unbatchedReason().empty());
  // Only answers of callers are counted and learned from.
  const Counters counters = bench.batcher->counters();
  CHECK(counters.rowsRun == counters.rows);
}

TEST("a request that is answered otherwise alone ends batching at once") {
  RecheckBench bench(1e-4, false);
  bench.fake->meets = true;
  CHECK(bench.recheckedAtLeast(1).recheckDiffered == 1);
  CHECK(bench.batcher->unbatchedReason() ==
        "rows changed each other's answers: output 'y' of a request in company differed by 3 from that alone, 0.0006 is "
        "allowed");
  for (const uint32_t ticket : bench.submitTogether(5)) CHECK(bench.await(ticket).rows == std::vector<float>(kFakeWidth, 6));
  CHECK(bench.batcher->counters().rechecked == 1);
}

TEST("where rows are proven to keep apart it takes two") {
  RecheckBench bench(1e-4, true);
  bench.fake->meets = true;
  bench.recheckedAtLeast(1);
  // Read first: another one may be run again meanwhile.
  const bool batched = bench.batcher->unbatchedReason().empty();
  CHECK(batched || bench.batcher->counters().rechecked > 1);
  CHECK(bench.recheckedAtLeast(2).recheckDiffered == 2);
  CHECK(!bench.batcher->unbatchedReason().empty());
}

TEST("an answer that is another one each time alone says nothing of the company") {
  RecheckBench bench(1e-4, false);
  bench.fake->unsteady = true;
  CHECK(bench.recheckedAtLeast(2).recheckDiffered == 0);
  CHECK(bench.batcher->unbatchedReason().empty());
}

TEST("whatever a request with NaN is answered says nothing of its company") {
  RecheckBench bench(1e-4, false);
  bench.fake->meets = true;
  CHECK(bench.recheckedAtLeast(2, std::numeric_limits<float>::quiet_NaN()).recheckDiffered == 0);
}

TEST("nothing is run again unless it is asked for") {
  RecheckBench bench(-1, false);
  for (int i = 0; i < 10; i++) bench.submitTogether(5);
  bench.batcher->stop(false);
  CHECK(bench.batcher->counters().rechecked == 0);
}

TEST("what is kept runs when nothing waits any more") {
  RecheckBench bench(1e-4, false);
  hold(*bench.fake, true);
  bench.ask(0);
  awaitRunning(*bench.fake, 1);
  std::vector<uint32_t> tickets;
  for (int i = 0; i < 12; i++) tickets.push_back(bench.ask(1));
  hold(*bench.fake, false);
  for (const uint32_t ticket : tickets) bench.await(ticket);
  while (bench.batcher->counters().rechecked == 0) std::this_thread::yield();
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  CHECK(bench.fake->batches.back() == 1);
  int64_t rows = 0;
  for (const int64_t batch : bench.fake->batches) rows += batch;
  CHECK(rows == 14);
}

TEST("numbers of every type are compared as numbers") {
  const auto of = [](DType dtype, auto a, auto b) {
    return tensorDifference(dtype, reinterpret_cast<const uint8_t*>(&a), reinterpret_cast<const uint8_t*>(&b), sizeof a);
  };
  CHECK(of(DType::kFloat32, -2.0F, 1.0F).largest == 3);
  CHECK(of(DType::kFloat32, -2.0F, 1.0F).magnitude == 2);
  CHECK(of(DType::kFloat64, 1.0, 1.5).largest == 0.5);
  CHECK(of(DType::kInt64, int64_t{-7}, int64_t{3}).largest == 10);
  CHECK(of(DType::kUint8, uint8_t{250}, uint8_t{1}).largest == 249);
  CHECK(of(DType::kInt8, int8_t{-128}, int8_t{127}).largest == 255);
  CHECK(of(DType::kFloat16, uint16_t{0x3c00}, uint16_t{0xc000}).largest == 3);   // 1 and -2
  CHECK(of(DType::kFloat16, uint16_t{0x0001}, uint16_t{0}).largest == std::ldexp(1, -24));
  CHECK(of(DType::kBfloat16, uint16_t{0x3f80}, uint16_t{0x4000}).largest == 1);  // 1 and 2
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(of(DType::kFloat32, nan, nan).largest == 0);
  CHECK(of(DType::kFloat32, infinity, infinity).largest == 0);
  CHECK(std::isinf(of(DType::kFloat32, nan, 1.0F).largest));
  CHECK(std::isinf(of(DType::kFloat32, 1.0F, infinity).largest));
  CHECK(of(DType::kFloat32, infinity, 1.0F).magnitude == 0);
  CHECK(holdsNaN(DType::kFloat32, reinterpret_cast<const uint8_t*>(&nan), sizeof nan));
  CHECK(!holdsNaN(DType::kInt32, reinterpret_cast<const uint8_t*>(&nan), sizeof nan));
}

TEST("a step of a type with few digits is the same answer, two are not") {
  CHECK(allowedDifference(1e-4, DType::kFloat32, 0.5) == 1e-4);
  CHECK(allowedDifference(1e-4, DType::kFloat32, 50) == 50 * 1e-4);
  // Between 1024 and 2048 neighbours of 16 bits are 1 apart, those of bfloat16 are 8.
  CHECK(allowedDifference(1e-4, DType::kFloat16, 1024) == 1);
  CHECK(allowedDifference(1e-4, DType::kBfloat16, 1024) == 8);
  CHECK(allowedDifference(1e-4, DType::kFloat16, 1e-3) == 1e-4);
}

MAIN_OF_TESTS
