#include "devices/cuda/pinned.h"

#include <cuda_runtime_api.h>

namespace cb {

Pinned::Pinned(void* data, size_t bytes)
    : data_(data), error_(static_cast<int>(cudaHostRegister(data, bytes, cudaHostRegisterPortable))) {
  if (error_ != 0) cudaGetLastError();  // an unpinned arena is no failure of the next call
}

Pinned::~Pinned() {
  if (pinned()) cudaHostUnregister(data_);
}

}  // namespace cb
