// Requests of more rows than a batch takes, which run in pieces.
#include "batcher_bench.h"

namespace {

// A clock that stands still.
double frozenMs() { return 1'000; }

// `batchMs`: what a batch is expected to take; 0: it is found out.
BatcherOptions cutting(int32_t instances, int32_t maxBatch, double batchMs = 0) {
  BatcherOptions o = options(instances, maxBatch);
  o.queueBytesMax = size_t{1} << 24;
  o.lanes = 3;
  if (batchMs > 0) o.seedMs.assign(static_cast<size_t>(maxBatch), batchMs);
  return o;
}

// Whether the answer is row for row what the request asked, which began with `first`.
bool right(const Outcome& outcome, int32_t rows, float first) {
  if (!outcome.served || outcome.rows.size() != static_cast<size_t>(rows) * kFakeWidth) return false;
  for (size_t i = 0; i < outcome.rows.size(); i++) {
    if (outcome.rows[i] != first + static_cast<float>(i / kFakeWidth) + 1) return false;
  }
  return true;
}

int64_t largestRun(EngineModel& fake) {
  std::lock_guard<std::mutex> lock(fake.mutex);
  return *std::max_element(fake.batches.begin(), fake.batches.end());
}

}  // namespace

TEST("a request of more rows than a batch takes comes back as one answer") {
  for (const int32_t instances : {1, 3}) {
    Bench bench(cutting(instances, 8));
    for (const int32_t rows : {9, 16, 100, 10'000}) {
      const auto ticket = static_cast<uint32_t>(rows);
      CHECK(bench.submitApart(ticket, rows, 5) == Submitted::kAccepted);
      const Outcome outcome = bench.await(ticket);
      CHECK(right(outcome, rows, 5));
      CHECK(outcome.firstDim == rows);
    }
    CHECK(largestRun(*bench.fake) <= 8);
    CHECK(bench.batcher->queuedRows() == 0);
    CHECK(bench.batcher->drainTimeMs() == 0);
  }
}

TEST("pieces let others pass, who came later, and share no batch with them") {
  for (const double timeoutMs : {kNoDeadline, 60'000.0}) {
    Bench bench(cutting(1, 8));
    hold(*bench.fake, true);
    bench.submitApart(0, 1, 0);
    awaitRunning(*bench.fake, 1);
    CHECK(bench.submitApart(1, 1000, 100, timeoutMs) == Submitted::kAccepted);
    for (uint32_t i = 2; i < 5; i++) bench.submitApart(i, 1, static_cast<float>(i));
    CHECK(bench.batcher->queuedRows() == 1003);
    hold(*bench.fake, false);
    for (uint32_t i = 2; i < 5; i++) CHECK(right(bench.await(i), 1, static_cast<float>(i)));
    CHECK(right(bench.await(1), 1000, 100));
    std::lock_guard<std::mutex> lock(bench.fake->mutex);
    CHECK(bench.fake->batches[0] == 1 && bench.fake->batches[1] == 3);
  }
}

TEST("a request in pieces that has little time keeps its turn") {
  Bench bench(cutting(1, 8, 100), frozenMs);
  hold(*bench.fake, true);
  bench.submitApart(0, 1, 0);
  awaitRunning(*bench.fake, 1);
  // 25 batches of 100 ms are left, and one that runs: it would be late if others passed.
  CHECK(bench.submitApart(1, 200, 100, 5'000) == Submitted::kAccepted);
  bench.submitApart(2, 3, 7);
  hold(*bench.fake, false);
  CHECK(right(bench.await(2), 3, 7));
  CHECK(right(bench.await(1), 200, 100));
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  CHECK(bench.fake->batches[0] == 1 && bench.fake->batches[1] > 3);
}

TEST("of two engines one is kept for those who ask now and then") {
  Bench bench(cutting(2, 8), frozenMs);
  bench.submitApart(0, 1, 0);
  CHECK(bench.await(0).served);
  hold(*bench.fake, true);
  CHECK(bench.submitApart(1, 1000, 100) == Submitted::kAccepted);
  awaitRunning(*bench.fake, 1);
  bench.submitApart(2, 3, 7);
  awaitRunning(*bench.fake, 2);
  {
    std::lock_guard<std::mutex> lock(bench.fake->mutex);
    CHECK(bench.fake->batches.size() == 3 && bench.fake->batches[2] == 3);
  }
  hold(*bench.fake, false);
  CHECK(right(bench.await(2), 3, 7));
  CHECK(right(bench.await(1), 1000, 100));
}

TEST("one that shares no batch runs by itself, its pieces too") {
  Bench bench(cutting(1, 8));
  hold(*bench.fake, true);
  bench.submitApart(0, 1, 0);
  awaitRunning(*bench.fake, 1);
  CHECK(bench.submitApart(1, 20, 100, kNoDeadline, true) == Submitted::kAccepted);
  CHECK(bench.submitApart(2, 1, 7, kNoDeadline, true) == Submitted::kAccepted);
  for (uint32_t i = 3; i < 6; i++) bench.submitApart(i, 1, static_cast<float>(i));
  hold(*bench.fake, false);
  CHECK(right(bench.await(1), 20, 100));
  CHECK(right(bench.await(2), 1, 7));
  for (uint32_t i = 3; i < 6; i++) CHECK(right(bench.await(i), 1, static_cast<float>(i)));
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  // The five pieces are the only batches of four rows; how many of the three others share one, latencies decide.
  const std::vector<int64_t>& sizes = bench.fake->batches;
  CHECK(std::count(sizes.begin(), sizes.end(), 4) == 5);
  CHECK(*std::max_element(sizes.begin(), sizes.end()) == 4);
  CHECK(std::count(sizes.begin(), sizes.end(), 1) >= 2);
}

TEST("two at once, and one that fails, keep apart") {
  Bench bench(cutting(2, 4));
  CHECK(bench.submitApart(1, 333, 1) == Submitted::kAccepted);
  CHECK(bench.submitApart(2, 50, kPoison - 20) == Submitted::kAccepted);
  CHECK(bench.submitApart(3, 777, 1'000) == Submitted::kAccepted);
  CHECK(right(bench.await(1), 333, 1));
  CHECK(right(bench.await(3), 777, 1'000));
  const Outcome failed = bench.await(2);
  CHECK(!failed.served && failed.error.find("poison") != std::string::npos);
}

TEST("a cancelled one runs no further, and its memory is handed back") {
  Bench bench(cutting(1, 4));
  hold(*bench.fake, true);
  bench.submitApart(1, 1000, 1);
  awaitRunning(*bench.fake, 1);
  CHECK(bench.batcher->cancel(1) == nullptr);
  hold(*bench.fake, false);
  CHECK(bench.await(1).error == "the caller gave up");
  CHECK(bench.batcher->queuedRows() == 0);
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  CHECK(bench.fake->batches.size() <= 3);
}

TEST("too many bytes are refused, and so is a deadline that all pieces would miss") {
  BatcherOptions o = cutting(1, 4);
  o.queueBytesMax = 100 * kFakeWidth * sizeof(float);
  Bench bench(o);
  CHECK(bench.submitApart(1, 101, 0) == Submitted::kFull);
  CHECK(bench.submitApart(2, 100, 0) == Submitted::kAccepted);
  CHECK(bench.await(2).served);
  CHECK(bench.submitApart(3, 100, 0, 0) == Submitted::kDeadline);
}

TEST("closing drops what has not run") {
  Bench bench(cutting(1, 4));
  hold(*bench.fake, true);
  bench.submitApart(1, 1000, 1);
  awaitRunning(*bench.fake, 1);
  bench.batcher->shut();
  hold(*bench.fake, false);
  bench.batcher->stop(false);
  const Outcome outcome = bench.await(1);
  CHECK(outcome.dropped && outcome.stopped);
}

MAIN_OF_TESTS
