#include "engines/tensorrt/library.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "loading/shared_library.h"

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
    auto library = wire::SharedLibrary::open(name);
    if (!library.opened()) continue;
    int32_t (*getVersion)() = nullptr;
    probe.detail = library.find("getInferLibVersion", getVersion).error();
    if (!probe.detail.empty()) continue;
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
