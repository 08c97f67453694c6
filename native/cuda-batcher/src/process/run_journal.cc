#include "process/run_journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cb {

namespace {

constexpr mode_t kOwnerOnly = 0600;

}  // namespace

std::unique_ptr<RunJournal> RunJournal::open(const std::string& path, size_t first, size_t count, std::string& error) {
  const size_t bytes = (first + count) * sizeof(JournalSlot);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  struct stat found {};
  // Allocated now: a page that a full disk can't back would be a fatal signal on its first write.
  const bool large = file >= 0 && fstat(file, &found) == 0 && static_cast<size_t>(found.st_size) >= bytes;
  const int failed = file < 0 ? errno : large ? 0 : posix_fallocate(file, 0, static_cast<off_t>(bytes));
  void* mapped = failed != 0 ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) error = "the run journal " + path + " can't be opened: " + std::strerror(failed != 0 ? failed : errno);
  if (file >= 0) ::close(file);
  if (mapped == MAP_FAILED) return nullptr;
  std::unique_ptr<RunJournal> journal(new RunJournal(mapped, bytes, static_cast<JournalSlot*>(mapped) + first));
  for (size_t slot = 0; slot < count; slot++) journal->end(slot);
  return journal;
}

RunJournal::~RunJournal() { munmap(mapped_, bytes_); }

void RunJournal::begin(size_t index, const std::vector<Request*>& members) {
  JournalSlot& slot = slots_[index];
  slot.signal.store(0, std::memory_order_relaxed);
  slot.written = static_cast<uint32_t>(std::min(members.size(), kJournalQueriesMax));
  for (uint32_t i = 0; i < slot.written; i++) slot.queries[i] = members[i]->queryId;
  slot.members.store(static_cast<uint32_t>(members.size()), std::memory_order_release);
}

}  // namespace cb
