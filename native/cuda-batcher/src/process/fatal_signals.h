// Whose run a fatal signal comes from. A trap of the processor and an abort are raised on the very thread that caused them; the
// handler marks the runs of that thread in the run journal, then the signal takes its course.
#pragma once

#include <memory>

#include "process/run_journal.h"

namespace cb {

// Lets SIGFPE, SIGSEGV, SIGBUS, SIGILL and SIGABRT mark runs. For the whole process, once; handlers that were there before are
// called after it.
void markFatalSignals();

// While it lives, the calling thread computes the runs in `slots`. A signal handler gets a stack of its own, because one that
// overflowed has no room for it. Made and destroyed on the same thread.
class ComputingThread {
 public:
  explicit ComputingThread(const JournalSlots& slots);
  ~ComputingThread();
  ComputingThread(const ComputingThread&) = delete;
  ComputingThread& operator=(const ComputingThread&) = delete;

 private:
  std::unique_ptr<unsigned char[]> stack_;  // null: the thread had one
};

}  // namespace cb
