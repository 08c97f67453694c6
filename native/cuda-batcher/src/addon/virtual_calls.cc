#include "addon/virtual_calls.h"

#include "addon/convert.h"
#include "running/virtual_batcher.h"

namespace cb {

namespace {

using Handle = Napi::External<VirtualBatcher>;

VirtualBatcher& batcherOf(const Napi::CallbackInfo& info) { return *info[0].As<Handle>().Data(); }

double number(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

Napi::Value ids(Napi::Env env, const std::vector<uint32_t>& from) {
  Napi::Uint32Array array = Napi::Uint32Array::New(env, from.size());
  for (size_t i = 0; i < from.size(); i++) array[i] = from[i];
  return array;
}

// virtualOpen(batcherOptions) -> External batcher
Napi::Value open(const Napi::CallbackInfo& info) {
  auto* batcher = new VirtualBatcher(convert::batcherOptions(info[0].As<Napi::Object>()));
  return Handle::New(info.Env(), batcher, [](Napi::Env, VirtualBatcher* held) { delete held; });
}

// virtualSubmit(batcher, id, nowMs, rows, deadlineMs, lane) -> 0 accepted, 1 late, 2 full
Napi::Value submit(const Napi::CallbackInfo& info) {
  const auto admission = batcherOf(info).submit(info[1].As<Napi::Number>().Uint32Value(), number(info[2]),
                                                info[3].As<Napi::Number>().Int32Value(), number(info[4]),
                                                info[5].As<Napi::Number>().Int32Value());
  return Napi::Number::New(info.Env(), static_cast<double>(admission));
}

// virtualCancel(batcher, id) -> whether it waited
Napi::Value cancel(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), batcherOf(info).cancel(info[1].As<Napi::Number>().Uint32Value()));
}

// virtualBegin(batcher, nowMs) -> {engine, members, dropped, rows, paddedRows, startAtMs}
Napi::Value begin(const Napi::CallbackInfo& info) {
  const VirtualBatcher::Begun begun = batcherOf(info).begin(number(info[1]));
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("engine", begun.engine);
  object.Set("members", ids(info.Env(), begun.members));
  object.Set("dropped", ids(info.Env(), begun.dropped));
  object.Set("rows", begun.rows);
  object.Set("paddedRows", begun.paddedRows);
  object.Set("startAtMs", begun.startAtMs);
  return object;
}

// virtualEnded(batcher, engine, nowMs)
void ended(const Napi::CallbackInfo& info) {
  batcherOf(info).ended(info[1].As<Napi::Number>().Int32Value(), number(info[2]));
}

// virtualLate(batcher, nowMs) -> ids
Napi::Value late(const Napi::CallbackInfo& info) {
  return ids(info.Env(), batcherOf(info).late(number(info[1])));
}

// virtualLoad(batcher, nowMs) -> {drainTimeMs, queuedRows, runningRows}
Napi::Value load(const Napi::CallbackInfo& info) {
  const VirtualBatcher& batcher = batcherOf(info);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("drainTimeMs", batcher.drainTimeMs(number(info[1])));
  object.Set("queuedRows", static_cast<double>(batcher.queuedRows()));
  object.Set("runningRows", static_cast<double>(batcher.runningRows()));
  return object;
}

}  // namespace

void addVirtualCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("virtualOpen", Napi::Function::New<open>(env, "virtualOpen"));
  exports.Set("virtualSubmit", Napi::Function::New<submit>(env, "virtualSubmit"));
  exports.Set("virtualCancel", Napi::Function::New<cancel>(env, "virtualCancel"));
  exports.Set("virtualBegin", Napi::Function::New<begin>(env, "virtualBegin"));
  exports.Set("virtualEnded", Napi::Function::New<ended>(env, "virtualEnded"));
  exports.Set("virtualLate", Napi::Function::New<late>(env, "virtualLate"));
  exports.Set("virtualLoad", Napi::Function::New<load>(env, "virtualLoad"));
}

}  // namespace cb
