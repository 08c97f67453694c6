#include "engines/onnxruntime/library.h"

#include <dlfcn.h>

#include <cstdio>
#include <mutex>

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
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.error = dlerror();
    return library;
  }
  using GetApiBase = const ApiBase* (*)();
  const auto getApiBase = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (getApiBase == nullptr) {
    library.error = path + " is not ONNX Runtime: it has no OrtGetApiBase";
    return library;
  }
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
