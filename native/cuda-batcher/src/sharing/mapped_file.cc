#include "sharing/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cb {

namespace {

constexpr mode_t kOwnerOnly = 0600;

}  // namespace

std::unique_ptr<MappedFile> MappedFile::open(const std::string& path, size_t bytes, const char* what, std::string& error) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  struct stat found {};
  // Allocated now: a page that a full disk can't back would be a fatal signal on its first write.
  const bool large = file >= 0 && fstat(file, &found) == 0 && static_cast<size_t>(found.st_size) >= bytes;
  const int failed = file < 0 ? errno : large ? 0 : posix_fallocate(file, 0, static_cast<off_t>(bytes));
  void* mapped = failed != 0 ? MAP_FAILED : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    error = std::string(what) + " " + path + " can't be opened: " + std::strerror(failed != 0 ? failed : errno);
  }
  if (file >= 0) ::close(file);
  if (mapped == MAP_FAILED) return nullptr;
  return std::unique_ptr<MappedFile>(new MappedFile(mapped, bytes));
}

MappedFile::~MappedFile() { munmap(data_, bytes_); }

}  // namespace cb
