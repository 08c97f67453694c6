#include "addon/virtual_calls.h"

#include "addon/convert.h"
#include "running/virtual_batcher.h"

namespace cb {

namespace {

using Handle = Napi::External<VirtualBatcher>;

VirtualBatcher& batcherOf(const Napi::CallbackInfo& info) { return *info[0].As<Handle>().Data(); }

double number(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

// An array of numbers, or undefined for none: most calls have none, and a typed array costs a buffer.
Napi::Value ids(Napi::Env env, const std::vector<uint32_t>& first, const std::vector<uint32_t>& second = {}) {
  if (first.empty() && second.empty()) return env.Undefined();
  Napi::Array array = Napi::Array::New(env, first.size() + second.size());
  uint32_t at = 0;
  for (const uint32_t id : first) array.Set(at++, id);
  for (const uint32_t id : second) array.Set(at++, id);
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

// virtualBegin(batcher, nowMs, head: Float64Array) -> members, then those dropped; head: engine, rows, paddedRows,
// startAtMs, number of members
Napi::Value begin(const Napi::CallbackInfo& info) {
  const VirtualBatcher::Begun begun = batcherOf(info).begin(number(info[1]));
  Napi::Float64Array head = info[2].As<Napi::Float64Array>();
  if (head.ElementLength() < 5)
    throw Napi::RangeError::New(info.Env(), "the head of virtualBegin has fewer than 5 numbers");
  head[0] = begun.engine;
  head[1] = begun.rows;
  head[2] = begun.paddedRows;
  head[3] = begun.startAtMs;
  head[4] = static_cast<double>(begun.members.size());
  return ids(info.Env(), begun.members, begun.dropped);
}

// virtualEnded(batcher, engine, nowMs)
void ended(const Napi::CallbackInfo& info) {
  batcherOf(info).ended(info[1].As<Napi::Number>().Int32Value(), number(info[2]));
}

// virtualLate(batcher, nowMs) -> ids, or undefined
Napi::Value late(const Napi::CallbackInfo& info) {
  return ids(info.Env(), batcherOf(info).late(number(info[1])));
}

// virtualDrainTimeMs(batcher, nowMs) -> ms
Napi::Value drainTimeMs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), batcherOf(info).drainTimeMs(number(info[1])));
}

// virtualQueuedRows(batcher) -> rows
Napi::Value queuedRows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(batcherOf(info).queuedRows()));
}

// virtualRunningRows(batcher) -> rows
Napi::Value runningRows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(batcherOf(info).runningRows()));
}

}  // namespace

void addVirtualCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("virtualOpen", Napi::Function::New<open>(env, "virtualOpen"));
  exports.Set("virtualSubmit", Napi::Function::New<submit>(env, "virtualSubmit"));
  exports.Set("virtualCancel", Napi::Function::New<cancel>(env, "virtualCancel"));
  exports.Set("virtualBegin", Napi::Function::New<begin>(env, "virtualBegin"));
  exports.Set("virtualEnded", Napi::Function::New<ended>(env, "virtualEnded"));
  exports.Set("virtualLate", Napi::Function::New<late>(env, "virtualLate"));
  exports.Set("virtualDrainTimeMs", Napi::Function::New<drainTimeMs>(env, "virtualDrainTimeMs"));
  exports.Set("virtualQueuedRows", Napi::Function::New<queuedRows>(env, "virtualQueuedRows"));
  exports.Set("virtualRunningRows", Napi::Function::New<runningRows>(env, "virtualRunningRows"));
}

}  // namespace cb
