// libonnxruntime as this process has opened it, and the little that everybody needs who calls it.
#pragma once

#include <cstddef>
#include <string>

#include "engines/onnxruntime/c_table.h"

namespace cb::ort {

struct Library {
  const void* api = nullptr;  // null: it could not be opened, and `error` says why
  Env* env = nullptr;
  std::string version;
  std::string error;
  bool hasShape = false;  // whether the slot of that name may be called
};

// The first path given decides for the process: two copies of the library in one process help nobody.
const Library& theLibrary(const char* path);

// Where a sentence about a failure goes.
struct ErrorText {
  char* text;
  size_t bytes;
  bool write(const std::string& sentence) const;  // always false
};

// Takes a status: true when it is a failure, whose message then stands in `error`.
bool failed(const void* api, Status* status, const ErrorText& error);

}  // namespace cb::ort
