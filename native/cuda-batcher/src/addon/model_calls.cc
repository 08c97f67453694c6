#include "addon/model_calls.h"

#include <chrono>

#include "addon/convert.h"
#include "addon/task.h"
#include "engines/kernels/engine.h"
#include "engines/onnxruntime/engine.h"

namespace cb {

namespace {

// load(options) -> Promise<External model>
Napi::Value load(const Napi::CallbackInfo& info) {
  const ModelOptions options = convert::modelOptions(info[0].As<Napi::Object>());
  const EngineTable* engine = options.plan == nullptr ? onnxruntimeEngine() : kernelEngine();
  auto model = std::make_shared<std::shared_ptr<Model>>();
  return Task::start(
      info.Env(),
      [options, engine, model](std::string& error) { *model = Model::load(engine, options, error); },
      [model](Napi::Env env) {
        using Loaded = std::shared_ptr<Model>;
        return Napi::External<Loaded>::New(env, new Loaded(*model), [](Napi::Env, Loaded* loaded) { delete loaded; });
      });
}

// describe(model) -> {inputs, outputs, batchable, unbatchedReason}
Napi::Value describe(const Napi::CallbackInfo& info) { return convert::toModel(info.Env(), *modelOf(info[0])); }

// unload(model)
Napi::Value unload(const Napi::CallbackInfo& info) {
  modelOf(info[0]).reset();
  return info.Env().Undefined();
}

}  // namespace

void addModelCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("load", Napi::Function::New<load>(env, "load"));
  exports.Set("describe", Napi::Function::New<describe>(env, "describe"));
  exports.Set("unload", Napi::Function::New<unload>(env, "unload"));
}

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace cb
