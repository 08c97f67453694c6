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

// {peer, authorization} of a call that is asked about; undefined when it is gone.
Napi::Value asked(const Napi::CallbackInfo& info) {
  const Call* call = wireOf(info).server().findAsked(info[1].As<Napi::Number>());
  if (call == nullptr || call->connection == nullptr) return info.Env().Undefined();
  Napi::Object who = Napi::Object::New(info.Env());
  who.Set("peer", textOf(info.Env(), call->connection->peer()));
  who.Set("authorization", call->presented.came ? textOf(info.Env(), call->presented.value) : napi_value{info.Env().Undefined()});
  return who;
}

napi_value admit(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  Call* call = in.wire().server().findAsked(in.integer(1));
  if (call != nullptr) in.wire().server().admit(*call, in.text(2));
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
  exports.Set("asked", Napi::Function::New<asked>(env, "asked"));
  setRaw(env, exports, "admit", admit);
  setRaw(env, exports, "refuse", refuse);
}

}  // namespace wire
