// A file mapped into memory, so that what one process writes others read, also after it has died.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace cb {

class MappedFile {
 public:
  // Maps the first `bytes` of the file, which is made, and made as large as that, where need be; what is new holds zeros.
  // Null: `error` says why not, in a sentence about `what`.
  static std::unique_ptr<MappedFile> open(const std::string& path, size_t bytes, const char* what, std::string& error);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  void* data() const { return data_; }

 private:
  MappedFile(void* data, size_t bytes) : data_(data), bytes_(bytes) {}

  void* data_;
  size_t bytes_;
};

}  // namespace cb
