#include "process/run_journal.h"

#include <algorithm>

namespace cb {

std::unique_ptr<RunJournal> RunJournal::open(const std::string& path, size_t first, size_t count, std::string& error) {
  std::unique_ptr<MappedFile> file = MappedFile::open(path, (first + count) * sizeof(JournalSlot), "the run journal", error);
  if (file == nullptr) return nullptr;
  JournalSlot* slots = static_cast<JournalSlot*>(file->data()) + first;
  std::unique_ptr<RunJournal> journal(new RunJournal(std::move(file), slots));
  for (size_t slot = 0; slot < count; slot++) journal->end(slot);
  return journal;
}

void RunJournal::begin(size_t index, const std::vector<Request*>& members) {
  JournalSlot& slot = slots_[index];
  slot.signal.store(0, std::memory_order_relaxed);
  slot.written = static_cast<uint32_t>(std::min(members.size(), kJournalQueriesMax));
  for (uint32_t i = 0; i < slot.written; i++) slot.queries[i] = members[i]->queryId;
  slot.members.store(static_cast<uint32_t>(members.size()), std::memory_order_release);
}

}  // namespace cb
