// What is late before it runs or while it does, and how long all of it takes.
#include "batcher_bench.h"

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
  CHECK(bench.submit(0, 0) == Submitted::kAccepted);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  leapMs() = leapMs() + 60'000;
  hold(*bench.fake, false);
  CHECK(bench.await(0).served);
  while (bench.batcher->runningRows() > 0) std::this_thread::yield();
  CHECK(bench.submit(1, 0, 30'000) == Submitted::kDeadline);
  leapMs() = leapMs() + 1'100;
  CHECK(bench.submit(2, 0, 30'000) == Submitted::kAccepted);
  bench.batcher->wake();
  CHECK(bench.await(2).served);
}

TEST("what is late while it waits is shed, not computed") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  bench.submit(1, 0, 10'000);
  bench.submit(2, 0, 20'000);
  leapMs() = leapMs() + 20'001;
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
  bench.submit(1, 0, 5'000);
  bench.submit(2, 0);
  leapMs() = leapMs() + 5'001;
  const Outcome late = bench.await(1);
  CHECK(late.dropped && !late.stopped);
  CHECK(bench.batcher->queuedRows() == 1 && bench.batcher->runningRows() == 1);
  CHECK(bench.batcher->counters().shed == 1);
  hold(*bench.fake, false);
  CHECK(bench.await(2).served);
}

TEST("a run that outlives its deadline is ended, and the engine runs the next") {
  Bench bench(options(1, 1));
  hold(*bench.fake, true);
  bench.submit(0, 0, 50'000);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  leapMs() = leapMs() + 50'001;
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
  leapMs() = leapMs() + 9'000;
  CHECK(bench.batcher->drainTimeMs() >= 8'900);
  leapMs() = leapMs() + 1'001;
  CHECK(bench.await(0).overdue);
  hold(*bench.fake, false);
}

TEST("who shares a batch that is ended is run again by itself") {
  Bench bench(options(1, 2));
  hold(*bench.fake, true);
  bench.submit(0, 0, 50'000);
  bench.submit(1, 0, 50'000);
  bench.batcher->wake();
  awaitRunning(*bench.fake, 1);
  leapMs() = leapMs() + 50'001;
  CHECK(bench.await(0).overdue);
  CHECK(bench.await(1).overdue);
  CHECK(bench.batcher->counters().overdue >= 2);
  hold(*bench.fake, false);
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
