// The run journal: which queries each engine thread has under way, in a file that outlives the process. Whoever starts an
// engine process reads it when the process died, to know what it died of. The layout is that of
// lib/run-journal-layout.ts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layouts/run_journal_layout.h"
#include "scheduling/request.h"

namespace cb {

// Queries of one run that are written down; of a larger batch the first.
constexpr size_t kJournalQueriesMax = journal_slot_layout::kStride - journal_slot_layout::kQueries;

class RunJournal {
 public:
  struct Slot {
    std::atomic<uint32_t> members;  // 0: nothing runs
    uint32_t written;               // how many of `queries` hold a number
    uint32_t queries[kJournalQueriesMax];
  };
  static_assert(sizeof(Slot) == journal_slot_layout::kStride * sizeof(uint32_t), "the layout that lib/run-journal.ts reads");

  // Maps `count` slots of the file from `first` on; the file is made as large as that needs. Null: `error` says why not.
  static std::unique_ptr<RunJournal> open(const std::string& path, size_t first, size_t count, std::string& error);
  ~RunJournal();
  RunJournal(const RunJournal&) = delete;
  RunJournal& operator=(const RunJournal&) = delete;

  // One thread a slot. A run is under way from `begin` to `end`.
  void begin(size_t slot, const std::vector<Request*>& members);
  void end(size_t slot) { slots_[slot].members.store(0, std::memory_order_release); }

 private:
  RunJournal(void* mapped, size_t bytes, Slot* slots) : mapped_(mapped), bytes_(bytes), slots_(slots) {}

  void* mapped_;
  size_t bytes_;
  Slot* slots_;
};

}  // namespace cb
