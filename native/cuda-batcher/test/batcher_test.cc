#include "running/batcher.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>

#include "check.h"
#include "fake_engine.h"

using namespace cb;

namespace {

std::atomic<double> leapMs{0};  // by which a test sets the clock forward

double steadyMs() {
  return leapMs + std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Outcome {
  bool served = false;
  bool dropped = false;
  bool stopped = false;
  std::string error;
  bool overdue = false;
  int32_t batchRows = 0;
  std::vector<float> rows;
};

// A batcher over the fake engine whose outcomes are kept by ticket.
struct Bench {
  std::shared_ptr<Model> model;
  EngineModel* fake;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint32_t, Outcome> outcomes;
  std::vector<std::vector<float>> memory;
  std::unique_ptr<Batcher> batcher;

  explicit Bench(BatcherOptions options) {
    std::string error;
    model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    if (options.queueRowsMax == 0) options.queueRowsMax = 1000;
    options.queueBytesMax = 1 << 20;
    options.ageingMs = 1000;
    memory.reserve(1000);
    batcher = std::make_unique<Batcher>(model, options, steadyMs,
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
        Outcome& outcome = outcomes[member->ticket];
        outcome.served = delivery->error.empty();
        outcome.error = delivery->error;
        outcome.overdue = delivery->overdue;
        outcome.batchRows = delivery->rows;
        const size_t count = static_cast<size_t>(member->rows) * kFakeWidth;
        if (outcome.served) {
          const float* y = static_cast<const float*>(delivery->outputs[0].data) + row;
          outcome.rows.assign(y, y + count);
        }
        row += count;
      }
      for (const Request* dropped : delivery->dropped) {
        outcomes[dropped->ticket].dropped = true;
        outcomes[dropped->ticket].stopped = delivery->stopped;
      }
    }
    batcher->finish(std::move(delivery), false, steadyMs());
    changed.notify_all();
  }

  Submitted submit(uint32_t ticket, float value, double timeoutMs = kNoDeadline, int32_t rows = 1) {
    memory.emplace_back(static_cast<size_t>(rows) * kFakeWidth, value);
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = rows;
    request->maxBatch = batcher->options().maxBatch;
    request->inputs = {{reinterpret_cast<const uint8_t*>(memory.back().data()), memory.back().size() * sizeof(float)}};
    request->bytes = request->inputs[0].bytes;
    request->dims.clear();
    request->arrivalMs = steadyMs();
    request->deadlineMs = request->arrivalMs + timeoutMs;
    const Submitted submitted = batcher->submit(request);
    if (submitted != Submitted::kAccepted) batcher->recycle(request);
    return submitted;
  }

  // A request that sends the fake engine's optional input.
  Submitted submitAdding(uint32_t ticket, float value, float add, int32_t rows = 1) {
    memory.emplace_back(static_cast<size_t>(rows) * kFakeWidth, value);
    const std::vector<float>& x = memory.back();
    memory.emplace_back(1, add);
    const auto bytes = [](const std::vector<float>& of) { return reinterpret_cast<const uint8_t*>(of.data()); };
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = rows;
    request->maxBatch = batcher->options().maxBatch;
    request->inputs = {{bytes(x), x.size() * sizeof(float)}, {bytes(memory.back()), sizeof(float)}};
    request->bytes = request->inputs[0].bytes + request->inputs[1].bytes;
    request->dims = {rows, static_cast<int64_t>(kFakeWidth)};
    request->ranks = {2, 0};
    request->optionals = {0};
    request->arrivalMs = steadyMs();
    request->deadlineMs = kNoDeadline;
    return batcher->submit(request);
  }

  Outcome await(uint32_t ticket) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return outcomes.count(ticket) > 0; });
    return outcomes[ticket];
  }
};

BatcherOptions options(int32_t instances, int32_t maxBatch) {
  BatcherOptions o;
  o.instances = instances;
  o.maxBatch = maxBatch;
  return o;
}

}  // namespace

TEST("a request comes back with its rows computed") {
  Bench bench(options(1, 4));
  bench.submit(0, 7);
  bench.batcher->wake();
  CHECK((bench.await(0).rows == std::vector<float>{8, 8, 8, 8}));
  CHECK(bench.batcher->counters().directBatches == 1);
}

TEST("what waits while the engine is busy becomes the next batch") {
  Bench bench(options(1, 4));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  for (uint32_t i = 1; i <= 6; i++) bench.submit(i, static_cast<float>(i));
  hold(*bench.fake, false);
  for (uint32_t i = 1; i <= 6; i++) {
    CHECK(bench.await(i).rows == std::vector<float>(kFakeWidth, static_cast<float>(i) + 1));
    CHECK(bench.await(i).batchRows == (i <= 4 ? 4 : 2));
  }
}

TEST("one bad request fails alone") {
  Bench bench(options(1, 4));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 1);
  bench.submit(2, kPoison);
  bench.submit(3, 3);
  hold(*bench.fake, false);
  CHECK(bench.await(1).served);
  CHECK(!bench.await(2).served && bench.await(2).error.find("poison") != std::string::npos);
  CHECK(bench.await(3).served);
}

TEST("a full queue refuses at once") {
  BatcherOptions o = options(1, 4);
  o.queueRowsMax = 2;
  Bench bench(o);
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  CHECK(bench.submit(1, 0) == Submitted::kAccepted);
  CHECK(bench.submit(2, 0) == Submitted::kAccepted);
  CHECK(bench.submit(3, 0) == Submitted::kFull);
  CHECK(bench.batcher->queuedRows() == 2 && bench.batcher->runningRows() == 1);
}

TEST("a request that can't be in time is refused at the door") {
  BatcherOptions o = options(1, 4);
  o.seedMs = {100, 110, 120, 130};
  Bench bench(o);
  CHECK(bench.submit(0, 0, 50) == Submitted::kDeadline);
  CHECK(bench.submit(1, 0, 5000) == Submitted::kAccepted);
}

TEST("what was measured long ago refuses nobody while nothing runs") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  CHECK(bench.submit(0, 0, 5000) == Submitted::kAccepted);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  hold(*bench.fake, false);
  CHECK(bench.await(0).served);
  while (bench.batcher->runningRows() > 0) std::this_thread::yield();
  CHECK(bench.submit(1, 0, 30) == Submitted::kDeadline);
  leapMs = 1'100;
  CHECK(bench.submit(2, 0, 30) == Submitted::kAccepted);
  bench.await(2);
  leapMs = 0;
}

TEST("a queued request is cancelled, a running one is not") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 0);
  Request* gone = bench.batcher->cancel(1);
  CHECK(gone != nullptr);
  bench.batcher->recycle(gone);
  CHECK(bench.batcher->cancel(0) == nullptr);
  CHECK(bench.batcher->cancel(99) == nullptr);
  hold(*bench.fake, false);
  CHECK(bench.await(0).served);
}

TEST("what is late while it waits is shed, not computed") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 0, 0.001);
  bench.submit(2, 0, 20);
  const double untilMs = steadyMs() + 25;
  while (steadyMs() < untilMs) {
  }
  hold(*bench.fake, false);
  CHECK(bench.await(2).dropped && !bench.await(2).stopped);
  CHECK(bench.await(0).served);
  CHECK(bench.batcher->counters().batches == 1);
}

TEST("what is late is told so while the only engine is still busy") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 0, 5);
  bench.submit(2, 0);
  const Outcome late = bench.await(1);
  CHECK(late.dropped && !late.stopped);
  CHECK(bench.batcher->queuedRows() == 1 && bench.batcher->runningRows() == 1);
  CHECK(bench.batcher->counters().shed == 1);
  hold(*bench.fake, false);
  CHECK(bench.await(2).served);
}

TEST("stop drops the queue, ends what runs, and refuses from then on") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 0);
  std::thread releaser([&] {
    bench.await(1);
    hold(*bench.fake, false);
  });
  bench.batcher->stop(false);
  releaser.join();
  CHECK(bench.await(0).served);
  CHECK(bench.await(1).dropped && bench.await(1).stopped);
  CHECK(bench.submit(2, 0) == Submitted::kClosed);
  bench.batcher->stop(false);
}

TEST("stop in a hurry abandons what runs") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.batcher->stop(true);
  CHECK(bench.await(0).error == "terminated");
}

TEST("a run that outlives its deadline is ended, and the engine runs the next") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0, 50);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  const Outcome ended = bench.await(0);
  CHECK(!ended.served && ended.overdue && ended.error.find("the run was ended after") == 0);
  CHECK(bench.batcher->counters().overdue == 1);
  hold(*bench.fake, false);
  bench.submit(1, 1);
  bench.batcher->wake();
  CHECK(bench.await(1).served);
}

TEST("a run without a deadline is ended at a multiple of what is expected of it") {
  BatcherOptions o = options(1, 1);
  o.seedMs = {10};
  Bench bench(o);
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  CHECK(bench.batcher->drainTimeMs() <= 1000);
  leapMs = leapMs + 9'000;
  CHECK(bench.batcher->drainTimeMs() >= 8'900);
  leapMs = leapMs + 1'001;
  CHECK(bench.await(0).overdue);
  hold(*bench.fake, false);
}

TEST("who shares a batch that is ended is run again by itself") {
  Bench bench(options(1, 2));
  hold(*bench.fake, true);
  bench.submit(0, 0, 50);
  bench.submit(1, 0, 50);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  CHECK(bench.await(0).overdue);
  CHECK(bench.await(1).overdue);
  CHECK(bench.batcher->counters().overdue >= 2);
  hold(*bench.fake, false);
}

TEST("who sends an optional input runs by itself, those who leave it out share a batch") {
  Bench bench(options(1, 8));
  hold(*bench.fake, true);
  bench.submit(1, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  for (uint32_t ticket = 2; ticket < 10; ticket += 2) {
    bench.submit(ticket, static_cast<float>(ticket));
    CHECK(bench.submitAdding(ticket + 1, static_cast<float>(ticket), 10) == Submitted::kAccepted);
  }
  hold(*bench.fake, false);
  for (uint32_t ticket = 2; ticket < 10; ticket += 2) {
    const Outcome left = bench.await(ticket);
    CHECK(left.served && left.batchRows == 4);
    CHECK(left.rows == std::vector<float>(kFakeWidth, static_cast<float>(ticket) + 1));
    const Outcome sent = bench.await(ticket + 1);
    CHECK(sent.served && sent.batchRows == 1);
    CHECK(sent.rows == std::vector<float>(kFakeWidth, static_cast<float>(ticket) + 10));
  }
}

TEST("who sends an optional input with more rows than a batch has is run in one piece") {
  Bench bench(options(1, 8));
  CHECK(bench.submitAdding(1, 5, 10, 20) == Submitted::kAccepted);
  bench.batcher->wake();
  const Outcome outcome = bench.await(1);
  CHECK(outcome.served && outcome.batchRows == 8);  // what it counts as
  CHECK(outcome.rows == std::vector<float>(8 * kFakeWidth, 15));
  CHECK(bench.fake->batches == std::vector<int64_t>{20});
}

TEST("batches are padded with zeros to an allowed size") {
  BatcherOptions o = options(1, 4);
  o.sizes = {4};
  Bench bench(o);
  bench.submit(0, 1, kNoDeadline, 3);
  bench.batcher->wake();
  CHECK(bench.await(0).rows.size() == 3 * kFakeWidth);
  CHECK(bench.fake->batches == std::vector<int64_t>{4});
  CHECK(bench.batcher->counters().rowsPadded == 1);
}

TEST("the predicted drain time grows with the queue and ends at zero") {
  BatcherOptions o = options(1, 2);
  o.seedMs = {1000, 1000};
  Bench bench(o);
  CHECK(bench.batcher->drainTimeMs() == 0);
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  const double oneMs = bench.batcher->drainTimeMs();
  for (uint32_t i = 1; i <= 4; i++) bench.submit(i, 0);
  const double moreMs = bench.batcher->drainTimeMs();
  CHECK(oneMs > 0 && oneMs <= 1000);
  CHECK(moreMs > oneMs + 1900);
  hold(*bench.fake, false);
  CHECK(bench.await(4).served);
  CHECK(bench.batcher->runningRows() == 0);
}

MAIN_OF_TESTS

TEST("the run journal has what runs, for as long as it runs") {
  char path[] = "/tmp/run-journal-XXXXXX";
  const int file = mkstemp(path);
  CHECK(file >= 0);
  std::string error;
  auto journal = RunJournal::open(path, 1, 1, error);
  CHECK(journal != nullptr);
  Request first, second;
  first.queryId = 7;
  second.queryId = 9;
  journal->begin(0, {&first, &second});
  JournalSlot slots[2];
  CHECK(pread(file, slots, sizeof slots, 0) == static_cast<ssize_t>(sizeof slots));
  CHECK(slots[0].members == 0);
  CHECK(slots[1].members == 2 && slots[1].written == 2 && slots[1].queries[0] == 7 && slots[1].queries[1] == 9);
  journal->end(0);
  CHECK(pread(file, slots, sizeof slots, 0) == static_cast<ssize_t>(sizeof slots));
  CHECK(slots[1].members == 0);
  close(file);
  unlink(path);
}

TEST("a run journal in a folder that is not there is told") {
  std::string error;
  CHECK(RunJournal::open("/nowhere/journal", 0, 1, error) == nullptr);
  CHECK(error == "the run journal /nowhere/journal can't be opened: No such file or directory");
}
