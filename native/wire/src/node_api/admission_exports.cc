// Exports about who may call what.
#include "node_api/exports.h"
#include "http2/connection.h"

namespace wire {

namespace {

Napi::Value guard(const Napi::CallbackInfo& info) {
  wireOf(info).server().guard(info[1].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value askAnew(const Napi::CallbackInfo& info) {
  wireOf(info).server().askAnew();
  return info.Env().Undefined();
}

// Of a call that is asked about: the peer, and what it presented if it did. Nothing when the call is gone.
napi_value asked(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Call* call = in.wire().server().findAsked(in.integer(1));
  if (call == nullptr || call->connection == nullptr) return nullptr;
  napi_value list = nullptr;
  napi_create_array(env, &list);
  napi_set_element(env, list, 0, textOf(env, call->connection->peer()));
  if (call->presented.came) napi_set_element(env, list, 1, textOf(env, call->presented.value));
  return list;
}

napi_value admit(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Call* call = in.wire().server().findAsked(in.integer(1));
  if (call != nullptr) in.wire().server().admit(*call);
  return nullptr;
}

napi_value refuse(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().findAsked(in.integer(1));
  if (call == nullptr) return nullptr;
  wire.server().refuse(*call, in.integer(2), in.text(3), in.text(4));
  wire.written();
  return nullptr;
}

}  // namespace

void exportAdmission(Napi::Env env, Napi::Object exports) {
  exports.Set("guard", Napi::Function::New<guard>(env, "guard"));
  exports.Set("askAnew", Napi::Function::New<askAnew>(env, "askAnew"));
  setRaw(env, exports, "asked", asked);
  setRaw(env, exports, "admit", admit);
  setRaw(env, exports, "refuse", refuse);
}

}  // namespace wire
