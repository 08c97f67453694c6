// The run journal: which queries each engine thread has under way, in a file that outlives the process. Whoever starts an
// engine process reads it when the process died, to know what it died of: where a thread raised a fatal signal, its run is
// marked (fatal_signals.h). The layout is that of lib/run-journal-layout.ts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layouts/run_journal_layout.h"
#include "scheduling/request.h"
#include "sharing/mapped_file.h"

namespace cb {

// Queries of one run that are written down; of a larger batch the first.
constexpr size_t kJournalQueriesMax = journal_slot_layout::kStride - journal_slot_layout::kQueries;

// What one engine thread has under way.
struct JournalSlot {
  std::atomic<uint32_t> members;  // 0: nothing runs
  uint32_t written;               // how many of `queries` hold a number
  std::atomic<uint32_t> signal;   // fatal, raised by a thread of the run; 0: none
  uint32_t queries[kJournalQueriesMax];
};
static_assert(sizeof(JournalSlot) == journal_slot_layout::kStride * sizeof(uint32_t), "the layout that lib/run-journal.ts reads");

// Slots whose runs a thread computes, as a signal handler sees them: an engine thread's own, or those of a model that it works for.
class JournalSlots {
 public:
  void set(JournalSlot* first, uint32_t count) {
    first_ = nullptr;
    count_ = count;
    first_ = first;
  }
  void clear() { first_ = nullptr; }
  // Marks the runs under way. Async-signal-safe.
  void mark(uint32_t signal) const {
    JournalSlot* first = first_;
    for (uint32_t i = 0; first != nullptr && i < count_; i++) {
      if (first[i].members != 0) first[i].signal = signal;
    }
  }

 private:
  static_assert(std::atomic<JournalSlot*>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free,
                "a signal handler takes no lock");
  std::atomic<JournalSlot*> first_{nullptr};
  std::atomic<uint32_t> count_{0};
};

class RunJournal {
 public:
  // Maps `count` slots of the file from `first` on; the file is made as large as that needs. Null: `error` says why not.
  static std::unique_ptr<RunJournal> open(const std::string& path, size_t first, size_t count, std::string& error);

  JournalSlot* slots() { return slots_; }
  // One thread a slot. A run is under way from `begin` to `end`.
  void begin(size_t slot, const std::vector<Request*>& members);
  void end(size_t slot) { slots_[slot].members.store(0, std::memory_order_release); }

 private:
  RunJournal(std::unique_ptr<MappedFile> file, JournalSlot* slots) : file_(std::move(file)), slots_(slots) {}

  std::unique_ptr<MappedFile> file_;
  JournalSlot* slots_;
};

}  // namespace cb
