#include "addon/exit_guard.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace cb {

namespace {

struct Guards {
  std::mutex mutex;
  std::map<uint64_t, std::function<void()>> stops;
  uint64_t nextId = 1;
  bool registered = false;
};

// Leaked: must outlive every static destructor.
Guards& guards() {
  static Guards* all = new Guards;
  return *all;
}

// Under the lock: another environment that removes its guard meanwhile, to free what the guard stops, waits.
void stopAll() {
  std::lock_guard<std::mutex> lock(guards().mutex);
  for (auto& [id, stop] : guards().stops) stop();
  guards().stops.clear();
}

}  // namespace

uint64_t addExitGuard(std::function<void()> stop) {
  std::lock_guard<std::mutex> lock(guards().mutex);
  if (!guards().registered) guards().registered = std::atexit(stopAll) == 0;
  const uint64_t id = guards().nextId++;
  guards().stops.emplace(id, std::move(stop));
  return id;
}

void removeExitGuard(uint64_t id) {
  std::lock_guard<std::mutex> lock(guards().mutex);
  guards().stops.erase(id);
}

void guardExitOf(Napi::Env env) {
  if (syscall(SYS_gettid) != getpid()) return;
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;  // a context that was made without it
  const auto onExit = Napi::Function::New(env, [](const Napi::CallbackInfo&) { stopAll(); });
  const Napi::Value once = process.As<Napi::Object>().Get("once");
  once.As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), onExit});
}

}  // namespace cb
