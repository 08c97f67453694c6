#include "addon/link_handle.h"


#include "addon/exit_guard.h"
#include "addon/model_calls.h"

namespace cb {

namespace {

using Shared = std::shared_ptr<LinkHandle>;

void cleanUp(void* data) { (*static_cast<Shared*>(data))->stop(0); }

void callJs(napi_env env, napi_value onEvent, void*, void* data) {
  const std::unique_ptr<link::Event> event(static_cast<link::Event*>(data));
  if (env == nullptr) return;
  Napi::HandleScope scope(env);
  napi_value arguments[] = {Napi::Number::New(env, event->connection), Napi::Env(env).Undefined()};
  if (!event->message.empty()) {
    arguments[1] = Napi::Buffer<char>::Copy(env, event->message.data(), event->message.size());
  }
  napi_call_function(env, Napi::Env(env).Undefined(), onEvent, 2, arguments, nullptr);
}

}  // namespace

Shared LinkHandle::open(Napi::Env env, const link::ServerOptions& options, Napi::Function onEvent) {
  Shared handle(new LinkHandle);
  auto* context = new Shared(handle);
  const auto finalize = [](napi_env jsEnv, void* data, void*) {
    napi_remove_env_cleanup_hook(jsEnv, cleanUp, data);
    delete static_cast<Shared*>(data);
  };
  napi_value name = Napi::String::New(env, "cuda-batcher links");
  if (napi_create_threadsafe_function(env, onEvent, nullptr, name, 0, 1, context, finalize, context, callJs,
                                      &handle->function_) != napi_ok) {
    delete context;
    throw Napi::Error::New(env, "no thread-safe function could be made");
  }
  // After the function, so that it runs before the function is taken down.
  napi_add_env_cleanup_hook(env, cleanUp, context);
  std::string error;
  LinkHandle* raw = handle.get();
  handle->server_ =
      link::Server::open(options, steadyMs, [raw](link::Event event) { raw->pass(std::move(event)); }, error);
  if (handle->server_ == nullptr) {
    handle->dispose();
    throw Napi::Error::New(env, error);
  }
  handle->exitGuard_ = addExitGuard([raw] { raw->stop(0); });
  return handle;
}

LinkHandle::~LinkHandle() { removeExitGuard(exitGuard_); }

void LinkHandle::pass(link::Event event) {
  auto* passed = new link::Event(std::move(event));
  std::lock_guard<std::mutex> lock(gate_);
  if (function_ == nullptr || napi_call_threadsafe_function(function_, passed, napi_tsfn_nonblocking) != napi_ok) {
    delete passed;
  }
}

void LinkHandle::stop(double graceMs) {
  if (server_ != nullptr) server_->stop(graceMs);
}

void LinkHandle::dispose() {
  if (disposed_) return;
  disposed_ = true;
  removeExitGuard(exitGuard_);
  napi_threadsafe_function function = nullptr;
  {
    std::lock_guard<std::mutex> lock(gate_);
    std::swap(function, function_);
  }
  napi_release_threadsafe_function(function, napi_tsfn_release);
}

}  // namespace cb
