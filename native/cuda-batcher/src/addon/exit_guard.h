// Ends native work before the process does. Node runs no cleanup hooks on process.exit() or an uncaught exception, and a
// thread still inside an engine while the engine's statics are destroyed aborts the process.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>

namespace cb {

// Calls `stop` when the process's 'exit' event comes, or its exit handlers run without it, unless the guard was removed before. Add only after the engine's library has been opened: exit
// handlers run in reverse order, so ours then runs before the library's. `stop` must not add or remove guards.
uint64_t addExitGuard(std::function<void()> stop);
void removeExitGuard(uint64_t id);

// Has the guards called by the 'exit' event, if `env` is of the main thread: process.exit() joins libuv's pool, on which runs
// may be under way, before exit handlers run. Once for each environment.
void guardExitOf(Napi::Env env);

}  // namespace cb
