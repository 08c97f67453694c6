#include "process/fatal_signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "check.h"
#include "fake_engine.h"
#include "running/batcher.h"

using namespace cb;

MAIN_OF_TESTS

namespace {

constexpr size_t kSlots = 4;
constexpr int kSurvived = 17;

struct End {
  int status;
  bool under[kSlots];      // whether a run was under way
  uint32_t signal[kSlots];
};

std::string journalPath(const char* name) { return std::string("/tmp/fatal-signals-") + name + "-" + std::to_string(getpid()); }

// What a process leaves in its journal that does `act`, from a fork because it ends.
End endOf(const std::function<void(const std::string& path)>& act) {
  const std::string path = journalPath("journal");
  const pid_t child = fork();
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    act(path);
    _exit(kSurvived);
  }
  End end{};
  CHECK(waitpid(child, &end.status, 0) == child);
  JournalSlot slots[kSlots]{};
  const int file = ::open(path.c_str(), O_RDONLY);
  CHECK(file >= 0 && pread(file, slots, sizeof slots, 0) == static_cast<ssize_t>(sizeof slots));
  close(file);
  unlink(path.c_str());
  for (size_t i = 0; i < kSlots; i++) {
    end.under[i] = slots[i].members != 0;
    end.signal[i] = slots[i].signal;
  }
  return end;
}

// Sanitizers report a fault and exit; without one the process ends by the signal.
bool ended(const End& end, int signal) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  (void)signal;
  return !(WIFEXITED(end.status) && WEXITSTATUS(end.status) == kSurvived);
#else
  return WIFSIGNALED(end.status) && WTERMSIG(end.status) == signal;
#endif
}

// `act` on a thread that computes slot 1 of four; runs are under way in all but slot 3.
void onComputingThread(const std::string& path, void (*act)(void*)) {
  std::string error;
  const auto journal = RunJournal::open(path, 0, kSlots, error);
  markFatalSignals();
  Request request;
  for (size_t slot = 0; slot < 3; slot++) journal->begin(slot, {&request});
  JournalSlots own;
  own.set(journal->slots() + 1, 1);
  std::thread([&] {
    const ComputingThread here(own);
    act(nullptr);
  }).join();
}

// Opens batchers on slots 0 to 1 and 2 to 3, both with a run under way, and sends the second a row that begins with `value`.
void runBeside(const std::string& path, float value) {
  static std::vector<float> held(kFakeWidth, 1);
  static std::vector<float> poison(kFakeWidth, 1);
  poison[0] = value;
  std::vector<std::unique_ptr<Batcher>> batchers;
  for (const size_t first : {size_t{0}, size_t{2}}) {
    std::string error;
    BatcherOptions options;
    options.instances = 2;
    options.maxBatch = 1;
    options.queueRowsMax = 2;
    options.queueBytesMax = 1 << 20;
    const auto clock = [] {
      return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
    batchers.push_back(std::make_unique<Batcher>(Model::load(fakeEngine(), {}, error), options, clock,
                                                 [](std::unique_ptr<Delivery>) {}, RunJournal::open(path, first, 2, error)));
    EngineModel& fake = *lastFake();
    const auto ask = [&](std::vector<float>& row) {
      Request* request = batchers.back()->blank();
      request->ticket = row.data() == poison.data() ? 1 : 0;
      request->rows = 1;
      request->arrivalMs = clock();
      request->deadlineMs = kNoDeadline;
      request->inputs = {{reinterpret_cast<const uint8_t*>(row.data()), row.size() * sizeof(float)}};
      batchers.back()->submit(request);
      batchers.back()->wake();
    };
    hold(fake, true);
    ask(held);
    awaitRunning(fake, 1);
    if (first == 0) continue;
    ask(poison);
    awaitRunning(fake, 2);
    hold(fake, false);
    pause();
  }
}

volatile bool deeper = true;

void overflow(void*) {
  volatile char room[4096];
  room[0] = 1;
  if (deeper) overflow(nullptr);
  room[1] = room[0];  // something is done after the call, which so needs a frame of its own
}

}  // namespace

TEST("a trap marks the run of the thread that it is raised on, and no other") {
  const End end = endOf([](const std::string& path) { onComputingThread(path, trap); });
  CHECK(ended(end, SIGSEGV));
  CHECK(end.under[0] && end.under[1] && end.under[2]);
  CHECK(end.signal[0] == 0 && end.signal[1] == SIGSEGV && end.signal[2] == 0 && end.signal[3] == 0);
}

TEST("an abort marks the run of the thread that calls it") {
  const End end = endOf([](const std::string& path) { onComputingThread(path, [](void*) { std::abort(); }); });
  CHECK(ended(end, SIGABRT));
  CHECK(end.signal[0] == 0 && end.signal[1] == SIGABRT && end.signal[2] == 0);
}

TEST("a stack that overflows leaves room for the handler") {
  const End end = endOf([](const std::string& path) { onComputingThread(path, overflow); });
  CHECK(ended(end, SIGSEGV));
  CHECK(end.signal[0] == 0 && end.signal[1] == SIGSEGV && end.signal[2] == 0);
}

TEST("a signal that somebody sends marks nothing") {
  const End end = endOf([](const std::string& path) {
    onComputingThread(path, [](void*) {
      kill(getpid(), SIGFPE);
      pause();
    });
  });
  CHECK(end.under[0] && end.under[1] && end.under[2]);
  for (const uint32_t signal : end.signal) CHECK(signal == 0);
}

TEST("a trap of a thread that computes nothing marks nothing") {
  const End end = endOf([](const std::string& path) {
    std::string error;
    const auto journal = RunJournal::open(path, 0, kSlots, error);
    markFatalSignals();
    Request request;
    journal->begin(0, {&request});
    trap(nullptr);
  });
  CHECK(ended(end, SIGSEGV));
  CHECK(end.under[0] && end.signal[0] == 0);
}

TEST("the handler that was there before is called after it") {
  const End end = endOf([](const std::string& path) {
    struct sigaction before {};
    before.sa_handler = [](int) { _exit(kSurvived + 1); };
    sigaction(SIGSEGV, &before, nullptr);
    onComputingThread(path, trap);
  });
  CHECK(WIFEXITED(end.status) && WEXITSTATUS(end.status) == kSurvived + 1);
  CHECK(end.signal[1] == SIGSEGV);
}

TEST("a batcher's engine thread marks its own run") {
  const End end = endOf([](const std::string& path) { runBeside(path, kTrap); });
  CHECK(ended(end, SIGSEGV));
  CHECK(end.signal[0] == 0 && end.signal[1] == 0);
  CHECK((end.signal[2] == SIGSEGV) != (end.signal[3] == SIGSEGV));
}

TEST("a thread that the engine started marks the runs of its model") {
  const End end = endOf([](const std::string& path) { runBeside(path, kPoolTrap); });
  CHECK(ended(end, SIGSEGV));
  CHECK(end.under[0] != end.under[1]);
  CHECK(end.signal[0] == 0 && end.signal[1] == 0);
  CHECK(end.signal[2] == SIGSEGV || end.signal[3] == SIGSEGV);
}
