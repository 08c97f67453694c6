#include <unistd.h>

#include "batcher_bench.h"

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

MAIN_OF_TESTS
