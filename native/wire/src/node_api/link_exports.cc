// Exports of links to executors.
#include "node_api/exports.h"

namespace wire {

namespace {

static_assert(trace_layout::kSpanId - trace_layout::kTraceId == kTraceIdBytes);
static_assert(trace_layout::kBytes - trace_layout::kSpanId == kSpanIdBytes);

Napi::Value linkOpen(const Napi::CallbackInfo& info) {
  std::string why;
  if (wireOf(info).isClosed()) return Napi::String::New(info.Env(), "the wire is closed");
  const auto port = static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value());
  const int32_t number = wireOf(info).links().open(info[1].As<Napi::String>(), port, std::string(info[3].As<Napi::String>()), why);
  wireOf(info).written();
  if (number < 0) return Napi::String::New(info.Env(), why);
  return Napi::Number::New(info.Env(), number);
}

napi_value linkClose(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  in.wire().links().close(in.integer(1));
  in.wire().written();
  return nullptr;
}

Napi::Value variant(const Napi::CallbackInfo& info) {
  std::vector<std::string>& variants = wireOf(info).variants();
  variants.push_back(info[1].As<Napi::String>());
  return Napi::Number::New(info.Env(), static_cast<double>(variants.size() - 1));
}

// The body is that of a call (its handle), or bytes, or parts of them. False when link or call are gone.
napi_value linkSend(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Link* link = wire.links().find(in.integer(1));
  if (link == nullptr) return toBoolean(env, false);
  const int32_t lane = in.integer(4);
  InferHeader header;
  header.timeoutMs = in.number(3);
  header.lane = static_cast<uint8_t>(lane & 0xff);
  header.variant = wire.variants()[static_cast<size_t>(in.integer(5))];
  if (lane & kLaneTraced) {
    header.trace.sampled = true;
    std::memcpy(header.trace.traceId, wire.scratch() + trace_layout::kTraceId, kTraceIdBytes);
    std::memcpy(header.trace.spanId, wire.scratch() + trace_layout::kSpanId, kSpanIdBytes);
  }
  const auto id = static_cast<uint32_t>(in.integer(2));
  if (in.isNumber(6)) {
    const Call* call = wire.server().find(in.integer(6));
    if (call == nullptr || call->inbox.empty()) return toBoolean(env, false);
    link->send(id, header, &call->inbox.front().bytes, 1);
  } else {
    const std::vector<Piece> body = in.parts(6);
    link->send(id, header, body.data(), body.size());
  }
  wire.written();
  return toBoolean(env, true);
}

napi_value linkCancel(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  if (Link* link = wire.links().find(in.integer(1))) link->cancel(static_cast<uint32_t>(in.integer(2)));
  wire.written();
  return nullptr;
}

}  // namespace

void exportLinks(Napi::Env env, Napi::Object exports) {
  exports.Set("variant", Napi::Function::New<variant>(env, "variant"));
  exports.Set("linkOpen", Napi::Function::New<linkOpen>(env, "linkOpen"));
  setRaw(env, exports, "linkClose", linkClose);
  setRaw(env, exports, "linkSend", linkSend);
  setRaw(env, exports, "linkCancel", linkCancel);
}

}  // namespace wire
