#include "addon/link_calls.h"

#include "addon/batcher_handle.h"
#include "addon/convert.h"
#include "addon/link_handle.h"
#include "addon/task.h"

namespace cb {

namespace {

using Batched = std::shared_ptr<BatcherHandle>;
using Linked = std::shared_ptr<LinkHandle>;

BatcherHandle& batcherOf(const Napi::Value& value) { return **value.As<Napi::External<Batched>>().Data(); }

link::Server& serverOf(const Napi::Value& value) { return (*value.As<Napi::External<Linked>>().Data())->server(); }

uint32_t number(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

// What may be presented; null: nothing is asked.
std::optional<std::vector<std::string>> secretsOf(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  return convert::texts(value);
}

// linkOpen(host, port, inFlightMax, accepted | null, onEvent) -> External server
Napi::Value linkOpen(const Napi::CallbackInfo& info) {
  link::ServerOptions options;
  options.host = info[0].As<Napi::String>();
  options.port = static_cast<uint16_t>(number(info[1]));
  options.inFlightMax = number(info[2]);
  options.secrets = secretsOf(info[3]);
  const Linked handle = LinkHandle::open(info.Env(), options, info[4].As<Napi::Function>());
  return Napi::External<Linked>::New(info.Env(), new Linked(handle), [](Napi::Env, Linked* held) { delete held; });
}

// linkPort(server) -> the port it listens on
Napi::Value linkPort(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), serverOf(info[0]).port());
}

// linkServe(server, variant, batcher | null, inputDatatypes, outputDatatypes, axisLimits)
Napi::Value linkServe(const Napi::CallbackInfo& info) {
  const std::string variant = info[1].As<Napi::String>();
  if (info[2].IsNull()) {
    serverOf(info[0]).serve(variant, nullptr);
    return info.Env().Undefined();
  }
  const std::shared_ptr<link::Served> served = batcherOf(info[2]).served();
  if (served == nullptr) throw Napi::Error::New(info.Env(), "the batcher is closed");
  served->describe({convert::texts(info[3]), convert::texts(info[4]), link::AxisLimits(convert::doubles(info[5]))});
  serverOf(info[0]).serve(variant, served);
  return info.Env().Undefined();
}

// linkHost(server, executorUtilisation, memoryFreeBytes)
Napi::Value linkHost(const Napi::CallbackInfo& info) {
  link::HostLoad& host = serverOf(info[0]).host();
  host.executorUtilisation = info[1].As<Napi::Number>().DoubleValue();
  host.memoryFreeBytes = info[2].As<Napi::Number>().DoubleValue();
  return info.Env().Undefined();
}

// linkSecrets(server, accepted | null)
Napi::Value linkSecrets(const Napi::CallbackInfo& info) {
  serverOf(info[0]).secrets().set(secretsOf(info[1]));
  return info.Env().Undefined();
}

// linkUnauthenticated(server) -> connections so far that were closed because they did not authenticate
Napi::Value linkUnauthenticated(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(serverOf(info[0]).unauthenticated()));
}

// linkSend(server, connection, frames)
Napi::Value linkSend(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array frames = info[2].As<Napi::Uint8Array>();
  serverOf(info[0]).send(number(info[1]), frames.Data(), frames.ByteLength());
  return info.Env().Undefined();
}

// linkCut(server, connection)
Napi::Value linkCut(const Napi::CallbackInfo& info) {
  serverOf(info[0]).cut(number(info[1]));
  return info.Env().Undefined();
}

// linkInFlight(server) -> queries accepted and not answered
Napi::Value linkInFlight(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(serverOf(info[0]).inFlight()));
}

// linkDrain(server)
Napi::Value linkDrain(const Napi::CallbackInfo& info) {
  serverOf(info[0]).announceDraining();
  return info.Env().Undefined();
}

// linkClose(server, graceMs) -> Promise: joined
Napi::Value linkClose(const Napi::CallbackInfo& info) {
  const Linked handle = *info[0].As<Napi::External<Linked>>().Data();
  const double graceMs = info[1].As<Napi::Number>().DoubleValue();
  return Task::start(
      info.Env(), [handle, graceMs](std::string&) { handle->stop(graceMs); },
      [handle](Napi::Env env) {
        handle->dispose();
        return env.Undefined();
      });
}

// linkQueries(batcher) -> queries of links in flight
Napi::Value linkQueries(const Napi::CallbackInfo& info) {
  const std::shared_ptr<link::Served>& served = batcherOf(info[0]).served();
  return Napi::Number::New(info.Env(), served == nullptr ? 0 : static_cast<double>(served->inFlight()));
}

// linkWatch(batcher) -> queries of links in flight; a delivery of nothing will tell when there are none
Napi::Value linkWatch(const Napi::CallbackInfo& info) {
  const std::shared_ptr<link::Served>& served = batcherOf(info[0]).served();
  if (served != nullptr) served->watch();
  return linkQueries(info);
}

// linkIdleMs(batcher) -> time since the last query of a link; Infinity: there was none
Napi::Value linkIdleMs(const Napi::CallbackInfo& info) {
  const std::shared_ptr<link::Served>& served = batcherOf(info[0]).served();
  const bool never = served == nullptr || served->usedMs() == 0;
  return Napi::Number::New(info.Env(), never ? kNoDeadline : served->nowMs() - served->usedMs());
}

std::string hex(const uint8_t* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; i++) {
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 15]);
  }
  return text;
}

Napi::Object traceOf(Napi::Env env, const link::TraceSample& sample, double nowMs) {
  const wire::AnswerHeader& times = sample.header;
  Napi::Object trace = Napi::Object::New(env);
  trace.Set("traceId", hex(sample.trace.traceId, wire::kTraceIdBytes));
  trace.Set("spanId", hex(sample.trace.spanId, wire::kSpanIdBytes));
  trace.Set("agoMs", nowMs - sample.atMs);
  trace.Set("rows", sample.rows);
  trace.Set("batchId", sample.batch);
  trace.Set("batchSize", times.batchSize);
  trace.Set("queueMs", times.queueMs);
  trace.Set("gatherMs", times.gatherMs);
  trace.Set("runMs", times.runMs);
  trace.Set("scatterMs", times.scatterMs);
  trace.Set("executorMs", times.executorMs);
  return trace;
}

// linkFigures(batcher) -> {servedRows, refused, batches, traces, tracesLost} since the last call; batches as
// lib/delivery-layout.ts says
Napi::Value linkFigures(const Napi::CallbackInfo& info) {
  const std::shared_ptr<link::Served>& served = batcherOf(info[0]).served();
  const link::Figures figures = served == nullptr ? link::Figures{} : served->takeFigures();
  const double nowMs = served == nullptr ? 0 : served->nowMs();
  Napi::Float64Array batches = Napi::Float64Array::New(info.Env(), link_batch_layout::kStride * figures.batches.size());
  double* to = batches.Data();
  for (const link::BatchSample& batch : figures.batches) {
    to[link_batch_layout::kAgoMs] = nowMs - batch.atMs;
    to[link_batch_layout::kRunMs] = batch.runMs;
    to[link_batch_layout::kRows] = batch.rows;
    to += link_batch_layout::kStride;
  }
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("servedRows", static_cast<double>(figures.servedRows));
  object.Set("refused", static_cast<double>(figures.refused));
  object.Set("batches", batches);
  Napi::Array traces = Napi::Array::New(info.Env(), figures.traces.size());
  for (uint32_t i = 0; i < figures.traces.size(); i++) traces.Set(i, traceOf(info.Env(), figures.traces[i], nowMs));
  object.Set("traces", traces);
  object.Set("tracesLost", static_cast<double>(figures.tracesLost));
  return object;
}

}  // namespace

void addLinkCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("linkOpen", Napi::Function::New<linkOpen>(env, "linkOpen"));
  exports.Set("linkPort", Napi::Function::New<linkPort>(env, "linkPort"));
  exports.Set("linkServe", Napi::Function::New<linkServe>(env, "linkServe"));
  exports.Set("linkHost", Napi::Function::New<linkHost>(env, "linkHost"));
  exports.Set("linkSecrets", Napi::Function::New<linkSecrets>(env, "linkSecrets"));
  exports.Set("linkUnauthenticated", Napi::Function::New<linkUnauthenticated>(env, "linkUnauthenticated"));
  exports.Set("linkSend", Napi::Function::New<linkSend>(env, "linkSend"));
  exports.Set("linkCut", Napi::Function::New<linkCut>(env, "linkCut"));
  exports.Set("linkInFlight", Napi::Function::New<linkInFlight>(env, "linkInFlight"));
  exports.Set("linkDrain", Napi::Function::New<linkDrain>(env, "linkDrain"));
  exports.Set("linkClose", Napi::Function::New<linkClose>(env, "linkClose"));
  exports.Set("linkQueries", Napi::Function::New<linkQueries>(env, "linkQueries"));
  exports.Set("linkWatch", Napi::Function::New<linkWatch>(env, "linkWatch"));
  exports.Set("linkIdleMs", Napi::Function::New<linkIdleMs>(env, "linkIdleMs"));
  exports.Set("linkFigures", Napi::Function::New<linkFigures>(env, "linkFigures"));
}

}  // namespace cb
