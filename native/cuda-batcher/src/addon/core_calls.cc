#include "addon/core_calls.h"

#include "addon/batcher_handle.h"
#include "addon/model_calls.h"
#include "addon/task.h"

namespace cb {

namespace {

using Batched = std::shared_ptr<BatcherHandle>;
using Gate = std::shared_ptr<CoreGate>;

const Gate& gateOf(const Napi::Value& value) { return *value.As<Napi::External<Gate>>().Data(); }

// coreGateMake(cores) -> External gate
Napi::Value coreGateMake(const Napi::CallbackInfo& info) {
  std::string error;
  const Gate gate = CoreGate::make(info[0].As<Napi::Number>().Int32Value(), error);
  if (gate == nullptr) throw Napi::Error::New(info.Env(), error);
  return Napi::External<Gate>::New(info.Env(), new Gate(gate), [](Napi::Env, Gate* held) { delete held; });
}

// coreGatePath(gate) -> path by which processes of the same user open it
Napi::Value coreGatePath(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), gateOf(info[0])->path());
}

// coreGateInUse(gate) -> cores that batches run on now
Napi::Value coreGateInUse(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), gateOf(info[0])->inUse());
}

// coreGateForget(gate, pid) -> Promise of whether what the process held is free
Napi::Value coreGateForget(const Napi::CallbackInfo& info) {
  const Gate gate = gateOf(info[0]);
  const int32_t pid = info[1].As<Napi::Number>().Int32Value();
  const auto forgotten = std::make_shared<bool>(false);
  return Task::start(
      info.Env(), [=](std::string&) { *forgotten = gate->forget(pid, steadyMs()); },
      [forgotten](Napi::Env env) { return Napi::Boolean::New(env, *forgotten); });
}

// setWeight(batcher, weight)
Napi::Value setWeight(const Napi::CallbackInfo& info) {
  const Batched& handle = *info[0].As<Napi::External<Batched>>().Data();
  handle->batcher().setWeight(info[1].As<Napi::Number>().DoubleValue());
  return info.Env().Undefined();
}

}  // namespace

void addCoreCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("coreGateMake", Napi::Function::New<coreGateMake>(env, "coreGateMake"));
  exports.Set("coreGatePath", Napi::Function::New<coreGatePath>(env, "coreGatePath"));
  exports.Set("coreGateInUse", Napi::Function::New<coreGateInUse>(env, "coreGateInUse"));
  exports.Set("coreGateForget", Napi::Function::New<coreGateForget>(env, "coreGateForget"));
  exports.Set("setWeight", Napi::Function::New<setWeight>(env, "setWeight"));
}

}  // namespace cb
