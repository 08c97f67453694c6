// Exports about a loaded model, which both add-ons have: load, describe, unload.
#pragma once

#include <napi.h>

#include <memory>

#include "running/model.h"

namespace cb {

// The model behind a handle of JavaScript's; null after `unload`, and once a batcher has taken it over.
inline std::shared_ptr<Model>& modelOf(const Napi::Value& value) {
  return *value.As<Napi::External<std::shared_ptr<Model>>>().Data();
}

void addModelCalls(Napi::Env env, Napi::Object exports);

// Milliseconds of the clock that batchers and links of this process go by.
double steadyMs();

}  // namespace cb
