#include "process/fatal_signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace cb {

namespace {

constexpr int kSignals[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
// Room for handlers beside the registers that the kernel saves.
constexpr size_t kHandlerStackBytes = size_t{64} << 10;

// Not allocated on first use, as other thread-local variables of a shared library are: a handler must not allocate.
__attribute__((tls_model("initial-exec"))) thread_local const JournalSlots* computed = nullptr;

struct sigaction before[NSIG];

// Raised by an instruction of this thread, or by its own call of abort(); not sent by anybody.
bool raisedHere(const siginfo_t& info) {
  return info.si_code > 0 || (info.si_code == SI_TKILL && info.si_pid == getpid());
}

void passOn(int number, siginfo_t* info, void* context) {
  const struct sigaction& next = before[number];
  if ((next.sa_flags & SA_SIGINFO) != 0) return next.sa_sigaction(number, info, context);
  if (next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN) return next.sa_handler(number);
  signal(number, SIG_DFL);
  raise(number);  // blocked until the handler returns
}

void handle(int number, siginfo_t* info, void* context) {
  const int error = errno;
  if (computed != nullptr && raisedHere(*info)) computed->mark(static_cast<uint32_t>(number));
  errno = error;
  passOn(number, info, context);
}

}  // namespace

void markFatalSignals() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction ours {};
    ours.sa_sigaction = handle;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    for (const int number : kSignals) {
      // Read first: the handler may be called as soon as it is there.
      if (sigaction(number, nullptr, &before[number]) == 0) sigaction(number, &ours, nullptr);
    }
  });
}

ComputingThread::ComputingThread(const JournalSlots& slots) {
  computed = &slots;
  stack_t present{};
  if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  stack_t own{};
  own.ss_size = kHandlerStackBytes + static_cast<size_t>(MINSIGSTKSZ);
  stack_ = std::make_unique<unsigned char[]>(own.ss_size);
  own.ss_sp = stack_.get();
  if (sigaltstack(&own, nullptr) != 0) stack_ = nullptr;
}

ComputingThread::~ComputingThread() {
  computed = nullptr;
  if (stack_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
}

}  // namespace cb
