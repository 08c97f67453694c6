// Functions of libraries that the process carries, found by name when it runs.
#pragma once

#include <dlfcn.h>

#include <string>

namespace wire {

class Symbols {
 public:
  // Those of the process itself, or of a library that is opened (the tests run outside of Node). `why` says what failed.
  static Symbols of(const char* library, std::string& why) {
    if (library == nullptr) return Symbols(RTLD_DEFAULT);
    void* opened = dlopen(library, RTLD_NOW);
    const char* failure = opened == nullptr ? dlerror() : nullptr;
    if (failure != nullptr) why = failure;
    Symbols symbols(opened);
    if (opened == nullptr) symbols.missing_ = library;
    return symbols;
  }

  template <typename Function>
  void find(const char* name, Function& to) {
    if (missing_ != nullptr) return;
    void* found = dlsym(library_, name);
    if (found == nullptr) missing_ = name;
    to = reinterpret_cast<Function>(found);
  }

  // The first that was not there, or null.
  const char* missing() const { return missing_; }

 private:
  explicit Symbols(void* library) : library_(library) {}

  void* library_;
  const char* missing_ = nullptr;
};

}  // namespace wire
