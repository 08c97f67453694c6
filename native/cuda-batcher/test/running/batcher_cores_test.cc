// Batchers that take cores from a gate before they close a batch.
#include "batcher_bench.h"
#include "sharing/core_gate_bench.h"

namespace {

constexpr int32_t kMaxBatch = 8;

// Two engine threads of one core each.
struct Gated : Bench {
  explicit Gated(Made& made) : Bench(options(2, kMaxBatch), steadyMs, made.claim(1, 2)) {}
  void send(uint32_t ticket, double timeoutMs = kNoDeadline) {
    CHECK(submit(ticket, 1, timeoutMs) == Submitted::kAccepted);
    batcher->wake();
  }
};

void awaitWaiting(const CoreGate& gate) {
  while (gate.waiting() == 0) std::this_thread::yield();
}

}  // namespace

TEST("rows that come while cores are waited for join the batch") {
  Made made(1);
  const auto other = made.claim(1);
  CHECK(other->take(0, wish()));
  Gated gated(made);
  for (uint32_t i = 0; i < 5; i++) gated.send(i);
  awaitWaiting(*made.gate);
  CHECK(gated.batcher->runningRows() == 0);
  other->leave(0, nowMs());
  CHECK(gated.await(4).batchRows == 5);
  CHECK(gated.batcher->counters().coreWaits == 1);
}

TEST("who is late while cores are waited for is told, and a batcher stops while it waits for cores") {
  Made made(1);
  const auto other = made.claim(1);
  CHECK(other->take(0, wish()));
  Gated gated(made);
  gated.send(0, 30);
  CHECK(gated.await(0).dropped);
  gated.send(1);
  awaitWaiting(*made.gate);
  gated.batcher->stop(false);
  CHECK(gated.await(1).stopped);
  CHECK(gated.batcher->counters().batches == 0);
  other->leave(0, nowMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("batchers that share the cores run no more batches at a time than there are cores") {
  Made made(2);
  Gated one(made);
  Gated two(made);
  hold(*one.fake, true);
  hold(*two.fake, true);
  for (uint32_t i = 0; i < 2; i++) one.send(i);
  awaitRunning(*one.fake, 1);
  one.send(2);
  awaitRunning(*one.fake, 2);
  two.send(0);
  awaitWaiting(*made.gate);
  CHECK(made.gate->inUse() == 2);
  CHECK(two.batcher->runningRows() == 0);
  hold(*one.fake, false);
  awaitRunning(*two.fake, 1);
  hold(*two.fake, false);
  CHECK(two.await(0).served);
}

MAIN_OF_TESTS
