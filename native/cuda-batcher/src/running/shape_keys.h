// Numbers for shapes: requests whose dims differ in more than their rows must not share a batch. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "running/model.h"

namespace cb {

class ShapeKeys {
 public:
  // `dims` are all inputs' dims one after another. Equal keys: equal but for the batch axis of each input.
  uint64_t of(const Model& model, const std::vector<int64_t>& dims);

 private:
  std::mutex mutex_;
  std::map<std::vector<int64_t>, uint64_t> keys_;
  uint64_t next_ = 1;
};

}  // namespace cb
