// What a run left, as the tensors that the model is said to give.
#pragma once

#include <vector>

#include "engines/engine_table.h"
#include "engines/onnxruntime/session.h"

namespace cb::ort {

// What an output's memory belongs to; `bytes` where a tensor had to be made.
struct Owner {
  const void* api = nullptr;
  Value* value = nullptr;
  std::vector<uint8_t> bytes;
  ~Owner() {
    if (value != nullptr) releaseValue(api, value);
  }
};

// The values of one run; those still here at the end are released.
class Values {
 public:
  Values(const void* api, size_t count) : api_(api), values_(count, nullptr) {}
  ~Values() {
    for (Value* value : values_) {
      if (value != nullptr) releaseValue(api_, value);
    }
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  Value** data() { return values_.data(); }
  Value*& operator[](size_t i) { return values_[i]; }

 private:
  const void* api_;
  std::vector<Value*> values_;
};

// Fills in outputs without memory from the values of the session's outputs. On failure what was filled in is given back.
bool collect(const LoadedSession& model, Values& values, EngineBuffer* out, const ErrorText& error);

}  // namespace cb::ort
