#include "net/openssl.h"

#include "loading/shared_library.h"

namespace wire::ssl {

namespace {

std::string fill(SharedLibrary library, Api& api) {
#define FIND(name) library.find(#name, api.name);
  WIRE_OPENSSL_FUNCTIONS(FIND)
#undef FIND
  return library.error();
}

}  // namespace

const Api* api(std::string& why, const char* library) {
  static Api table{};
  static bool filled = false;
  if (filled) return &table;
  why = fill(library == nullptr ? SharedLibrary::ofProcess() : SharedLibrary::open(library), table);
  if (!why.empty()) return nullptr;
  const unsigned long major = table.OpenSSL_version_num() >> 28;
  if (major != OPENSSL_VERSION_MAJOR) {
    why = "its OpenSSL is version " + std::to_string(major) + ", this add-on was built for " +
          std::to_string(OPENSSL_VERSION_MAJOR);
    return nullptr;
  }
  filled = true;
  return &table;
}

}  // namespace wire::ssl
