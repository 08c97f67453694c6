// Host memory registered with the device, so that copies to and from it run beside compute.
#pragma once

#include <cstddef>

namespace cb {

class Pinned {
 public:
  // Registers memory that must outlive this. A host without a device, or one that refuses, leaves it unpinned: copies
  // then work as well, only slower.
  Pinned(void* data, size_t bytes);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  bool pinned() const { return error_ == 0; }
  int error() const { return error_; }  // the CUDA error that refused it; 0: pinned

 private:
  void* data_;
  int error_;
};

}  // namespace cb
