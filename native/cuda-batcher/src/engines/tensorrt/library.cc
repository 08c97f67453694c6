#include "engines/tensorrt/library.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace cb {

namespace {

// Since 10 a version is major * 10000 + minor * 100 + patch; before, major * 1000 + ...
std::string versionText(int32_t version) {
  if (version < 10000) return std::to_string(version / 1000) + "." + std::to_string(version / 100 % 10);
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace

TensorrtProbe probeTensorrt() {
  std::vector<std::string> names;
  if (const char* given = std::getenv("CB_TENSORRT_LIB")) names.emplace_back(given);
  names.insert(names.end(), {"libnvinfer.so.11", "libnvinfer.so.10"});
  TensorrtProbe probe;
  for (const std::string& name : names) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: TensorRT does not survive it
    if (library == nullptr) continue;
    using GetVersion = int32_t (*)();
    const auto getVersion = reinterpret_cast<GetVersion>(dlsym(library, "getInferLibVersion"));
    if (getVersion == nullptr) {
      probe.detail = name + " is not TensorRT: it has no getInferLibVersion";
      continue;
    }
    probe.found = true;
    probe.library = name;
    probe.version = versionText(getVersion());
    probe.detail = "the library is here; running plans with it is not built yet";
    return probe;
  }
  if (probe.detail.empty()) probe.detail = "no TensorRT library was found";
  return probe;
}

}  // namespace cb
