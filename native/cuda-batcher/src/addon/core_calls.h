// The add-on's exports that concern the core gate.
#pragma once

#include <napi.h>

namespace cb {

void addCoreCalls(Napi::Env env, Napi::Object exports);

}  // namespace cb
