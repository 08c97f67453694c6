#include "engines/onnxruntime/library.h"

#include <cstdio>
#include <mutex>

#include "loading/shared_library.h"

namespace cb::ort {

namespace {

constexpr int kLogFatal = 4;  // an error reaches the caller as a value; on stderr it would only be noise

int minorOf(const std::string& version) {
  int major = 0;
  int minor = 0;
  return std::sscanf(version.c_str(), "%d.%d", &major, &minor) == 2 && major == 1 ? minor : 0;
}

Library open(const std::string& path) {
  Library library;
  const ApiBase* (*getApiBase)() = nullptr;
  library.error = wire::SharedLibrary::open(path).find("OrtGetApiBase", getApiBase).error();
  if (!library.error.empty()) return library;
  library.version = getApiBase()->getVersionString();
  library.hasShape = minorOf(library.version) >= kHasShapeSinceMinor;
  library.api = getApiBase()->getApi(kApiVersion);
  if (library.api == nullptr) {
    library.error = "ONNX Runtime " + library.version + " is too old: it lacks C API version 17";
    return library;
  }
  char error[512] = "";
  if (failed(library.api, createEnv(library.api, kLogFatal, "cuda-batcher", &library.env), {error, sizeof error})) {
    library.error = error;
    library.api = nullptr;
  }
  return library;
}

}  // namespace

const Library& theLibrary(const char* path) {
  static std::mutex mutex;
  static Library* library = nullptr;  // leaked: threads may still be inside it when statics are destroyed
  std::lock_guard<std::mutex> lock(mutex);
  if (library == nullptr || library->api == nullptr) {
    delete library;
    library = new Library(open(path == nullptr ? "libonnxruntime.so.1" : path));
  }
  return *library;
}

bool ErrorText::write(const std::string& sentence) const {
  std::snprintf(text, bytes, "%s", sentence.c_str());
  return false;
}

bool failed(const void* api, Status* status, const ErrorText& error) {
  if (status == nullptr) return false;
  error.write(getErrorMessage(api, status));
  releaseStatus(api, status);
  return true;
}

}  // namespace cb::ort
