#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "check.h"
#include "scheduling/request.h"
#include "sharing/core_gate_bench.h"

using namespace cb;

namespace {

constexpr char kGatePath[] = "CORE_GATE_PATH";
constexpr char kTakesByPath[] = "a process takes cores of a gate by its path";

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
    if (claim->take(0, wish())) claim->leave(0, nowMs());
    else claim->await(claim->seen());
  }
}

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
    ::execl("/proc/self/exe", "core_processes_test", kTakesByPath, nullptr);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(made.gate->inUse() == 2);
  CHECK(made.gate->forget(child, nowMs()) && made.gate->inUse() == 0);
  made.gate.reset();  // nobody has it now
  CHECK(CoreGate::open(path, made.error) == nullptr && made.error.find(path + " can't be opened") != std::string::npos);
  char name[] = "/tmp/core-gate-test-XXXXXX";
  ::close(mkstemp(name));
  std::string error;
  CHECK(CoreGate::open(name, error) == nullptr);
  CHECK(error.find("is no core gate") != std::string::npos);
  ::unlink(name);
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
  made.gate->forget(child, nowMs());
  CHECK(claim->take(0, wish()));
  claim->leave(0, nowMs());
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
      CHECK(made.gate->forget(child, nowMs()));
    }
    CHECK(made.gate->inUse() == 0);
    CHECK(claim->take(0, wish()));
    claim->leave(0, nowMs());
  }
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
  const double startMs = nowMs();
  for (int i = 0; i < kBatches; i++) {
    CHECK(claim->take(0, wish()));
    claim->leave(0, nowMs());
  }
  CHECK(nowMs() - startMs < kBatches * kCoreLockMaxMs);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(made.gate->forget(child, nowMs()));
  claim->leave(0, nowMs());
  CHECK(made.gate->inUse() == 0);
  CHECK(claim->take(0, wish()) && made.gate->inUse() == 1);
  claim->leave(0, nowMs());
}

MAIN_OF_TESTS
