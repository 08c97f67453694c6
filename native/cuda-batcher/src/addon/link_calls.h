// The add-on's exports that concern links.
#pragma once

#include <napi.h>

namespace cb {

void addLinkCalls(Napi::Env env, Napi::Object exports);

}  // namespace cb
