#include "running/batcher.h"

#include <chrono>
#include <condition_variable>
#include <map>

#include "check.h"
#include "fake_engine.h"

using namespace cb;

namespace {

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A clock that stands still.
double frozenMs() { return 1'000; }

struct Outcome {
  bool served = false;
  bool dropped = false;
  bool stopped = false;
  std::string error;
  int64_t firstDim = 0;
  std::vector<float> values;
};

// A batcher over the fake engine. Every row of a request is told apart: its values are its number.
struct Bench {
  std::shared_ptr<Model> model;
  EngineModel* fake;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint32_t, Outcome> outcomes;
  std::vector<std::vector<float>> memory;
  std::unique_ptr<Batcher> batcher;

  Batcher::Clock clock;

  // `batchMs`: what a batch is expected to take; 0: it is found out.
  Bench(int32_t instances, int32_t maxBatch, size_t bytesMax = size_t{1} << 24, Batcher::Clock clockOf = steadyMs,
        double batchMs = 0)
      : clock(clockOf) {
    std::string error;
    model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    BatcherOptions options;
    options.instances = instances;
    options.maxBatch = maxBatch;
    options.queueRowsMax = 1000;
    options.queueBytesMax = bytesMax;
    options.ageingMs = 1000;
    options.lanes = 3;
    if (batchMs > 0) options.seedMs.assign(static_cast<size_t>(maxBatch), batchMs);
    memory.reserve(1000);
    batcher = std::make_unique<Batcher>(model, options, clock,
                                        [this](std::unique_ptr<Delivery> d) { receive(std::move(d)); });
  }
  ~Bench() {
    hold(*fake, false);
    batcher->stop(false);
  }

  void receive(std::unique_ptr<Delivery> delivery) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      size_t row = 0;
      for (const Request* member : delivery->members) {
        const size_t count = static_cast<size_t>(member->rows) * kFakeWidth;
        if (member->cut == nullptr) {
          Outcome& outcome = outcomes[member->ticket];
          outcome.served = delivery->error.empty();
          outcome.error = delivery->error;
          if (outcome.served) {
            const float* y = static_cast<const float*>(delivery->outputs[0].data) + row;
            outcome.values.assign(y, y + count);
            outcome.firstDim = delivery->outputs[0].dims[0];
          }
        }
        row += count;
      }
      for (const Request* dropped : delivery->dropped) {
        outcomes[dropped->ticket].dropped = true;
        outcomes[dropped->ticket].stopped = delivery->stopped;
      }
    }
    batcher->finish(std::move(delivery), false, clock());
    changed.notify_all();
  }

  Submitted submit(uint32_t ticket, int32_t rows, float first, double timeoutMs = kNoDeadline, bool alone = false) {
    std::vector<float> values;
    for (int32_t row = 0; row < rows; row++) values.insert(values.end(), kFakeWidth, first + static_cast<float>(row));
    memory.push_back(std::move(values));
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = rows;
    request->lane = 0;
    request->alone = alone;
    request->maxBatch = alone ? rows : std::max(batcher->options().maxBatch, rows);
    request->inputs = {{reinterpret_cast<const uint8_t*>(memory.back().data()), memory.back().size() * sizeof(float)}};
    request->bytes = request->inputs[0].bytes;
    request->dims.clear();
    request->arrivalMs = clock();
    request->deadlineMs = request->arrivalMs + timeoutMs;
    const Submitted submitted = batcher->submit(request);
    if (submitted != Submitted::kAccepted) batcher->recycle(request);
    batcher->wake();
    return submitted;
  }

  Outcome await(uint32_t ticket) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return outcomes.count(ticket) > 0; });
    return outcomes[ticket];
  }

  // Whether the answer is row for row what the request asked, which began with `first`.
  bool right(const Outcome& outcome, int32_t rows, float first) {
    if (!outcome.served || outcome.values.size() != static_cast<size_t>(rows) * kFakeWidth) return false;
    for (size_t i = 0; i < outcome.values.size(); i++) {
      if (outcome.values[i] != first + static_cast<float>(i / kFakeWidth) + 1) return false;
    }
    return true;
  }

  int64_t largestRun() {
    std::lock_guard<std::mutex> lock(fake->mutex);
    return *std::max_element(fake->batches.begin(), fake->batches.end());
  }
};

}  // namespace

TEST("a request of more rows than a batch takes comes back as one answer") {
  for (const int32_t instances : {1, 3}) {
    Bench bench(instances, 8);
    for (const int32_t rows : {9, 16, 100, 10'000}) {
      const auto ticket = static_cast<uint32_t>(rows);
      CHECK(bench.submit(ticket, rows, 5) == Submitted::kAccepted);
      const Outcome outcome = bench.await(ticket);
      CHECK(bench.right(outcome, rows, 5));
      CHECK(outcome.firstDim == rows);
    }
    CHECK(bench.largestRun() <= 8);
    CHECK(bench.batcher->queuedRows() == 0);
    CHECK(bench.batcher->drainTimeMs() == 0);
  }
}

TEST("pieces let others pass, who came later, and share no batch with them") {
  for (const double timeoutMs : {kNoDeadline, 60'000.0}) {
    Bench bench(1, 8);
    hold(*bench.fake, true);
    bench.submit(0, 1, 0);
    awaitRunning(*bench.fake, 1);
    CHECK(bench.submit(1, 1000, 100, timeoutMs) == Submitted::kAccepted);
    for (uint32_t i = 2; i < 5; i++) bench.submit(i, 1, static_cast<float>(i));
    CHECK(bench.batcher->queuedRows() == 1003);
    hold(*bench.fake, false);
    for (uint32_t i = 2; i < 5; i++) CHECK(bench.right(bench.await(i), 1, static_cast<float>(i)));
    CHECK(bench.right(bench.await(1), 1000, 100));
    std::lock_guard<std::mutex> lock(bench.fake->mutex);
    CHECK(bench.fake->batches[0] == 1 && bench.fake->batches[1] == 3);
  }
}

TEST("a request in pieces that has little time keeps its turn") {
  Bench bench(1, 8, size_t{1} << 24, frozenMs, 100);
  hold(*bench.fake, true);
  bench.submit(0, 1, 0);
  awaitRunning(*bench.fake, 1);
  // 25 batches of 100 ms are left, and one that runs: it would be late if others passed.
  CHECK(bench.submit(1, 200, 100, 5'000) == Submitted::kAccepted);
  bench.submit(2, 3, 7);
  hold(*bench.fake, false);
  CHECK(bench.right(bench.await(2), 3, 7));
  CHECK(bench.right(bench.await(1), 200, 100));
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  CHECK(bench.fake->batches[0] == 1 && bench.fake->batches[1] > 3);
}

TEST("of two engines one is kept for those who ask now and then") {
  Bench bench(2, 8, size_t{1} << 24, frozenMs);
  bench.submit(0, 1, 0);
  CHECK(bench.await(0).served);
  hold(*bench.fake, true);
  CHECK(bench.submit(1, 1000, 100) == Submitted::kAccepted);
  awaitRunning(*bench.fake, 1);
  bench.submit(2, 3, 7);
  awaitRunning(*bench.fake, 2);
  {
    std::lock_guard<std::mutex> lock(bench.fake->mutex);
    CHECK(bench.fake->batches.size() == 3 && bench.fake->batches[2] == 3);
  }
  hold(*bench.fake, false);
  CHECK(bench.right(bench.await(2), 3, 7));
  CHECK(bench.right(bench.await(1), 1000, 100));
}

TEST("one that shares no batch runs by itself, its pieces too") {
  Bench bench(1, 8);
  hold(*bench.fake, true);
  bench.submit(0, 1, 0);
  awaitRunning(*bench.fake, 1);
  CHECK(bench.submit(1, 20, 100, kNoDeadline, true) == Submitted::kAccepted);
  CHECK(bench.submit(2, 1, 7, kNoDeadline, true) == Submitted::kAccepted);
  for (uint32_t i = 3; i < 6; i++) bench.submit(i, 1, static_cast<float>(i));
  hold(*bench.fake, false);
  CHECK(bench.right(bench.await(1), 20, 100));
  CHECK(bench.right(bench.await(2), 1, 7));
  for (uint32_t i = 3; i < 6; i++) CHECK(bench.right(bench.await(i), 1, static_cast<float>(i)));
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  // The five pieces are the only batches of four rows; how many of the three others share one, latencies decide.
  const std::vector<int64_t>& sizes = bench.fake->batches;
  CHECK(std::count(sizes.begin(), sizes.end(), 4) == 5);
  CHECK(*std::max_element(sizes.begin(), sizes.end()) == 4);
  CHECK(std::count(sizes.begin(), sizes.end(), 1) >= 2);
}

TEST("two at once, and one that fails, keep apart") {
  Bench bench(2, 4);
  CHECK(bench.submit(1, 333, 1) == Submitted::kAccepted);
  CHECK(bench.submit(2, 50, kPoison - 20) == Submitted::kAccepted);
  CHECK(bench.submit(3, 777, 1'000) == Submitted::kAccepted);
  CHECK(bench.right(bench.await(1), 333, 1));
  CHECK(bench.right(bench.await(3), 777, 1'000));
  const Outcome failed = bench.await(2);
  CHECK(!failed.served && failed.error.find("poison") != std::string::npos);
}

TEST("a cancelled one runs no further, and its memory is handed back") {
  Bench bench(1, 4);
  hold(*bench.fake, true);
  bench.submit(1, 1000, 1);
  awaitRunning(*bench.fake, 1);
  CHECK(bench.batcher->cancel(1) == nullptr);
  hold(*bench.fake, false);
  CHECK(bench.await(1).error == "the caller gave up");
  CHECK(bench.batcher->queuedRows() == 0);
  std::lock_guard<std::mutex> lock(bench.fake->mutex);
  CHECK(bench.fake->batches.size() <= 3);
}

TEST("too many bytes are refused, and so is a deadline that all pieces would miss") {
  Bench bench(1, 4, 100 * kFakeWidth * sizeof(float));
  CHECK(bench.submit(1, 101, 0) == Submitted::kFull);
  CHECK(bench.submit(2, 100, 0) == Submitted::kAccepted);
  CHECK(bench.await(2).served);
  CHECK(bench.submit(3, 100, 0, 0) == Submitted::kDeadline);
}

TEST("closing drops what has not run") {
  Bench bench(1, 4);
  hold(*bench.fake, true);
  bench.submit(1, 1000, 1);
  awaitRunning(*bench.fake, 1);
  bench.batcher->shut();
  hold(*bench.fake, false);
  bench.batcher->stop(false);
  const Outcome outcome = bench.await(1);
  CHECK(outcome.dropped && outcome.stopped);
}

MAIN_OF_TESTS
