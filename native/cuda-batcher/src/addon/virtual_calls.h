// Calls of JavaScript for a batcher on a clock of the caller's; lib/testing/native.ts is their other side.
#pragma once

#include <napi.h>

namespace cb {

void addVirtualCalls(Napi::Env env, Napi::Object exports);

}  // namespace cb
