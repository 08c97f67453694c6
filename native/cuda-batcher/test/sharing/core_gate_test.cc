#include "sharing/core_claim.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "check.h"
#include "fake_engine.h"
#include "running/batcher.h"
#include "scheduling/core_shares.h"

using namespace cb;

namespace {

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Made {
  std::string error;
  std::shared_ptr<CoreGate> gate;
  explicit Made(int32_t cores) { gate = CoreGate::make(cores, error); }
  std::unique_ptr<CoreClaim> claim(int32_t cores, size_t engines = 1, double weight = 1) {
    return CoreClaim::open(gate, {cores, engines, weight, false}, error);
  }
};

constexpr char kGatePath[] = "CORE_GATE_PATH";
constexpr char kTakesByPath[] = "a process takes cores of a gate by its path";

CoreClaim::Wish wish(double latestStartMs = kNoDeadline) { return {steadyMs(), latestStartMs, 1, false}; }

void awaitWaiting(const CoreGate& gate) {
  while (gate.waiting() == 0) std::this_thread::yield();
}

// How the memory of a gate begins.
struct Head {
  uint64_t magic;
  pthread_mutex_t mutex;
};

// Takes and gives back, again and again, until it is killed.
[[noreturn]] void takeForever(Made& made) {
  const auto claim = made.claim(1);
  if (claim == nullptr) _exit(1);  // another process stands still with the mutex
  for (;;) {
    if (claim->take(0, wish())) claim->leave(0, steadyMs());
    else claim->await(claim->seen());
  }
}

// A batcher over the fake engine that asks a gate for cores.
struct Served {
  std::shared_ptr<Model> model;
  EngineModel* fake;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int32_t> batches;  // rows
  size_t dropped = 0;
  std::vector<float> row = std::vector<float>(kFakeWidth);
  std::unique_ptr<Batcher> batcher;

  Served(Made& made, int32_t cores, int32_t instances = 1) {
    std::string error;
    model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    BatcherOptions options;
    options.instances = instances;
    options.maxBatch = 8;
    options.queueRowsMax = 1000;
    options.queueBytesMax = 1 << 20;
    options.ageingMs = 1000;
    batcher = std::make_unique<Batcher>(
        model, options, steadyMs, [this](std::unique_ptr<Delivery> d) { receive(std::move(d)); }, nullptr,
        made.claim(cores, static_cast<size_t>(instances)));
  }
  ~Served() {
    hold(*fake, false);
    batcher->stop(false);
  }
  void receive(std::unique_ptr<Delivery> delivery) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!delivery->members.empty()) batches.push_back(delivery->rows);
      dropped += delivery->dropped.size();
    }
    batcher->finish(std::move(delivery), false, steadyMs());
    changed.notify_all();
  }
  void submit(uint32_t ticket, double timeoutMs = kNoDeadline) {
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = 1;
    request->maxBatch = 8;
    request->inputs = {{reinterpret_cast<const uint8_t*>(row.data()), row.size() * sizeof(float)}};
    request->bytes = request->inputs[0].bytes;
    request->arrivalMs = steadyMs();
    request->deadlineMs = request->arrivalMs + timeoutMs;
    CHECK(batcher->submit(request) == Submitted::kAccepted);
    batcher->wake();
  }
  template <typename Condition>
  bool await(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
};

}  // namespace

// Not for itself: another process runs it.
TEST("a process takes cores of a gate by its path") {
  const char* path = getenv(kGatePath);
  if (path == nullptr) return;
  std::string error;
  const std::shared_ptr<CoreGate> gate = CoreGate::open(path, error);
  if (gate == nullptr) _exit(2);
  const auto claim = CoreClaim::open(gate, {2, 1, 1, false}, error);
  _exit(gate->cores() == 3 && claim->take(0, wish()) ? 0 : 3);  // nothing is destroyed
}

TEST("a gate is opened by its path, once in a process and by others, and what is no gate is refused") {
  Made made(3);
  CHECK(made.gate != nullptr && made.gate->cores() == 3 && made.gate->inUse() == 0);
  const std::string path = made.gate->path();
  CHECK(CoreGate::open(path, made.error) == made.gate);
  const pid_t child = fork();
  if (child == 0) {
    setenv(kGatePath, path.c_str(), 1);
    ::execl("/proc/self/exe", "core_gate_test", kTakesByPath, nullptr);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(made.gate->inUse() == 2);
  CHECK(made.gate->forget(child, steadyMs()) && made.gate->inUse() == 0);
  made.gate.reset();  // nobody has it now
  CHECK(CoreGate::open(path, made.error) == nullptr && made.error.find(path + " can't be opened") != std::string::npos);
  char name[] = "/tmp/core-gate-test-XXXXXX";
  ::close(mkstemp(name));
  std::string error;
  CHECK(CoreGate::open(name, error) == nullptr);
  CHECK(error.find("is no core gate") != std::string::npos);
  ::unlink(name);
}

TEST("cores are taken while there are some, waited for, and taken up in order of latest start") {
  Made made(2);
  const auto first = made.claim(2);
  const auto late = made.claim(1);
  const auto soon = made.claim(1);
  const auto wide = made.claim(5);
  CHECK(wide->cores() == 2);
  CHECK(first->take(0, wish()));
  CHECK(made.gate->inUse() == 2);
  CHECK(!late->take(0, wish(steadyMs() + 1000)) && late->waiting());
  CHECK(!wide->take(0, wish()));
  CHECK(!soon->take(0, wish(steadyMs() + 10)));
  first->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 2);
  CHECK(soon->take(0, wish()) && late->take(0, wish()) && !wide->take(0, wish()));
  soon->leave(0, steadyMs());
  CHECK(!wide->take(0, wish()));
  late->leave(0, steadyMs());
  CHECK(wide->take(0, wish()));
  CHECK(wide->waits() == 1);
  wide->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("who goes on with another run waits for those whose turn it is") {
  Made made(1);
  const auto one = made.claim(1);
  const auto other = made.claim(1);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish(steadyMs() + 1)));
  CHECK(!one->take(0, wish(steadyMs() + 100)) && one->waiting());
  CHECK(other->take(0, wish()));
  other->leave(0, steadyMs());
  CHECK(one->take(0, wish()));
  one->leave(0, steadyMs());
}

TEST("when a run ends is known of each that goes on, however long others of its batcher have run before") {
  Made made(2);
  const auto small = made.claim(1, 2);
  const auto other = made.claim(1);
  const auto wide = made.claim(2);
  const double startMs = steadyMs();
  const auto at = [&](double ms, double expectedMs) { return CoreClaim::Wish{startMs + ms, kNoDeadline, expectedMs, false}; };
  CHECK(small->take(0, at(0, 1)) && small->take(1, at(0.5, 100)));
  CoreClaim::Wish first = at(0.6, 10);
  first.latestStartMs = startMs;
  CHECK(!wide->take(0, first));
  small->leave(0, startMs + 1);
  // The core is left free until 100.5; the run of 1 ms that has ended says nothing of that.
  CHECK(other->take(0, at(2, 90)));
  other->leave(0, startMs + 92);
  CHECK(!other->take(0, at(92, 90)));
  other->hurry(kNoDeadline, 5);
  small->take(0, at(93, 100));
  CHECK(other->take(0, at(94, 5)));
  other->leave(0, startMs + 99);
  small->leave(1, startMs + 100);
  small->leave(0, startMs + 100);
  CHECK(wide->take(0, at(100, 10)));
  wide->leave(0, startMs + 110);
  CHECK(made.gate->inUse() == 0);
}

TEST("who gives up waiting is passed over, whether cores were given or not") {
  Made made(1);
  const auto one = made.claim(1);
  const auto other = made.claim(1);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish()));
  other->leave(0, steadyMs());
  one->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
  CHECK(one->take(0, wish()));
  CHECK(!other->take(0, wish()));
  one->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 1);
  other->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("a place in the gate is used again, and there are only so many") {
  Made made(1);
  std::vector<std::unique_ptr<CoreClaim>> all;
  for (size_t i = 0; i < kCoreClaimsMax; i++) all.push_back(made.claim(1));
  CHECK(all.back() != nullptr);
  CHECK(made.claim(1) == nullptr && made.error.find("no room for another batcher") != std::string::npos);
  all.pop_back();
  CHECK(made.claim(1) != nullptr);
}

TEST("what a process held that has ended is free once it is forgotten, and who waits gets it") {
  Made made(1);
  const pid_t child = fork();
  if (child == 0) {
    const auto claim = made.claim(1);
    claim->take(0, wish());
    _exit(0);  // nothing is destroyed
  }
  waitpid(child, nullptr, 0);
  CHECK(made.gate->inUse() == 1);
  const auto claim = made.claim(1);
  CHECK(!claim->take(0, wish()));
  made.gate->forget(child, steadyMs());
  CHECK(claim->take(0, wish()));
  claim->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("processes killed at any moment leave nothing locked and nothing taken") {
  Made made(2);
  std::mt19937 random(20261130);
  std::uniform_int_distribution<int> upToUs(0, 3000);
  const auto claim = made.claim(2);
  for (int round = 0; round < 100; round++) {
    const pid_t children[] = {fork(), 0};
    if (children[0] == 0) takeForever(made);
    const pid_t second = fork();
    if (second == 0) takeForever(made);
    usleep(static_cast<useconds_t>(upToUs(random)));
    for (const pid_t child : {children[0], second}) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      CHECK(made.gate->forget(child, steadyMs()));
    }
    CHECK(made.gate->inUse() == 0);
    CHECK(claim->take(0, wish()));
    claim->leave(0, steadyMs());
  }
}

TEST("a run that goes on for long keeps no cores from who waits, and gives none back twice") {
  Made made(2);
  const auto endless = made.claim(1, 2);
  const auto other = made.claim(2);
  const double startMs = steadyMs();
  const auto at = [&](double ms) { return CoreClaim::Wish{startMs + ms, kNoDeadline, 1, false}; };
  CHECK(endless->take(0, at(0)) && endless->take(1, at(1)));
  CHECK(!other->take(0, at(2)));
  CHECK(!other->take(0, at(kCoreHoldMaxMs)));
  CHECK(other->take(0, at(kCoreHoldMaxMs + 2)));
  CHECK(made.gate->inUse() == 2);
  endless->leave(0, startMs + kCoreHoldMaxMs + 3);
  CHECK(made.gate->inUse() == 2);
  CHECK(!endless->take(0, at(kCoreHoldMaxMs + 4)));  // while its other run goes on
  other->leave(0, startMs + kCoreHoldMaxMs + 5);
  CHECK(endless->take(0, at(kCoreHoldMaxMs + 6)));
  CHECK(made.gate->inUse() == 1);
  endless->leave(1, startMs + kCoreHoldMaxMs + 7);
  CHECK(made.gate->inUse() == 1);
  endless->leave(0, startMs + kCoreHoldMaxMs + 8);
  CHECK(made.gate->inUse() == 0);
}

TEST("cores given to a thread that does not come for them are kept from nobody for long") {
  Made made(1);
  const auto one = made.claim(1);
  const auto still = made.claim(1);
  const auto other = made.claim(1);
  const double startMs = steadyMs();
  const auto at = [&](double ms) { return CoreClaim::Wish{startMs + ms, kNoDeadline, 1, false}; };
  CHECK(one->take(0, at(0)));
  CHECK(!still->take(0, at(1)) && !other->take(0, at(2)));
  one->leave(0, startMs + 3);
  CHECK(!other->take(0, at(4)));
  CHECK(!other->take(0, at(kCoreHoldMaxMs + 2)));
  CHECK(other->take(0, at(kCoreHoldMaxMs + 3)));
  CHECK(still->take(0, at(kCoreHoldMaxMs + 4)));
  CHECK(made.gate->inUse() == 1);
  still->leave(0, startMs + kCoreHoldMaxMs + 5);
  CHECK(made.gate->inUse() == 1);
  // Who gives up what was lent gives nothing back.
  CHECK(!one->take(0, at(kCoreHoldMaxMs + 6)) && !still->take(0, at(kCoreHoldMaxMs + 7)));
  other->leave(0, startMs + kCoreHoldMaxMs + 8);
  CHECK(!still->take(0, at(2 * kCoreHoldMaxMs + 7)));
  CHECK(still->take(0, at(2 * kCoreHoldMaxMs + 8)));
  one->leave(0, startMs + 2 * kCoreHoldMaxMs + 11);
  CHECK(made.gate->inUse() == 1);
  still->leave(0, startMs + 2 * kCoreHoldMaxMs + 12);
  CHECK(made.gate->inUse() == 0);
}

TEST("a process that stands still with the mutex keeps nobody from running, and costs each process one wait") {
  Made made(1);
  const auto claim = made.claim(1);
  CHECK(claim->take(0, wish()));
  int locked[2];
  CHECK(pipe(locked) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto file = MappedFile::open(made.gate->path(), sizeof(Head), "the core gate", made.error);
    pthread_mutex_lock(&static_cast<Head*>(file->data())->mutex);
    if (write(locked[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  CHECK(read(locked[0], &byte, 1) == 1);
  // Longer than a process may be silent, if each waited.
  constexpr int kBatches = 1000;
  const double startMs = steadyMs();
  for (int i = 0; i < kBatches; i++) {
    CHECK(claim->take(0, wish()));
    claim->leave(0, steadyMs());
  }
  CHECK(steadyMs() - startMs < kBatches * kCoreLockMaxMs);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(made.gate->forget(child, steadyMs()));
  claim->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
  CHECK(claim->take(0, wish()) && made.gate->inUse() == 1);
  claim->leave(0, steadyMs());
}

TEST("threads of many claims never hold more than there is, and each gets on") {
  constexpr int32_t kCores = 3;
  constexpr int kRuns = 2000;
  Made made(kCores);
  std::atomic<int32_t> held{0};
  std::atomic<int32_t> most{0};
  std::vector<std::thread> threads;
  for (int32_t cores : {1, 1, 2, 3, 1}) {
    threads.emplace_back([&, cores] {
      const auto claim = made.claim(cores);
      for (int run = 0; run < kRuns; run++) {
        while (!claim->take(0, wish(run % 3 == 0 ? kNoDeadline : steadyMs()))) claim->await(claim->seen());
        const int32_t now = held += cores;
        int32_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        held -= cores;
        if (run % 7 == 0) claim->leave(0, steadyMs());
      }
      claim->leave(0, steadyMs());
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= kCores);
  CHECK(made.gate->inUse() == 0);
}

TEST("rows that come while cores are waited for join the batch") {
  Made made(1);
  const auto other = made.claim(1);
  CHECK(other->take(0, wish()));
  Served served(made, 1, 2);
  for (uint32_t i = 0; i < 5; i++) served.submit(i);
  awaitWaiting(*made.gate);
  CHECK(served.batcher->runningRows() == 0);
  other->leave(0, steadyMs());
  CHECK(served.await([&] { return served.batches.size() == 1; }));
  CHECK(served.batches.front() == 5);
  CHECK(served.batcher->counters().coreWaits == 1);
}

TEST("who is late while cores are waited for is told, and a batcher stops while it waits for cores") {
  Made made(1);
  const auto other = made.claim(1);
  CHECK(other->take(0, wish()));
  Served served(made, 1, 2);
  served.submit(0, 30);
  CHECK(served.await([&] { return served.dropped == 1; }));
  served.submit(1);
  awaitWaiting(*made.gate);
  served.batcher->stop(false);
  CHECK(served.dropped == 2);
  CHECK(served.batches.empty());
  other->leave(0, steadyMs());
  CHECK(made.gate->inUse() == 0);
}

TEST("batchers that share the cores run no more batches at a time than there are cores") {
  Made made(2);
  Served one(made, 1, 2);
  Served two(made, 1, 2);
  hold(*one.fake, true);
  hold(*two.fake, true);
  for (uint32_t i = 0; i < 2; i++) one.submit(i);
  awaitRunning(*one.fake, 1);
  one.submit(2);
  awaitRunning(*one.fake, 2);
  two.submit(0);
  awaitWaiting(*made.gate);
  CHECK(made.gate->inUse() == 2);
  CHECK(two.batcher->runningRows() == 0);
  hold(*one.fake, false);
  awaitRunning(*two.fake, 1);
  hold(*two.fake, false);
  CHECK(two.await([&] { return two.batches.size() == 1; }));
}

TEST("a drain counts what others of the host have to do, up to their share") {
  Made made(2);
  const auto one = made.claim(1);
  const auto other = made.claim(1, 1, 3);
  CHECK(one->drainMs(100) == 50);
  other->tell(1000);
  CHECK(one->drainMs(100) == (100 + 300) / 2);
  other->tell(120);
  CHECK(one->drainMs(100) == (100 + 120) / 2);
  CHECK(one->drainMs(0) == 0);
  one->setWeight(3);
  CHECK(one->drainMs(100) == (100 + 100) / 2);
}

MAIN_OF_TESTS
