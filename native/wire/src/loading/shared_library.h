// A shared library opened at run time, and functions found in it by name: what a machine may lack is no reason not to start.
#pragma once

#include <dlfcn.h>

#include <string>
#include <utility>

namespace wire {

class SharedLibrary {
 public:
  // The process itself and every library it was started with.
  static SharedLibrary ofProcess() { return {RTLD_DEFAULT, "this process"}; }

  // A path, or a name that the system's loader searches. Never closed: drivers and engines do not survive it.
  static SharedLibrary open(const std::string& path) {
    SharedLibrary library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), path);
    library.opened_ = library.handle_ != nullptr;
    if (!library.opened_) library.error_ = dlerror();
    return library;
  }

  // After the first function that is missing no other is looked up.
  template <typename Function>
  SharedLibrary& find(const char* function, Function& to) {
    if (!error_.empty()) return *this;
    to = reinterpret_cast<Function>(dlsym(handle_, function));
    if (to == nullptr) error_ = name_ + " has no " + function;
    return *this;
  }

  bool opened() const { return opened_; }
  // Why it could not be opened, or the first function that it lacks; empty while nothing is missing.
  const std::string& error() const { return error_; }

 private:
  SharedLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}

  void* handle_;  // RTLD_DEFAULT is null too
  std::string name_;
  std::string error_;
  bool opened_ = true;
};

}  // namespace wire
