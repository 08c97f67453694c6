// The add-on's exports; lib/native.ts is their other side, in the same order.
#include <napi.h>

#include <limits>
#include <mutex>

#include "addon/batcher_handle.h"
#include "addon/confinement.h"
#include "addon/convert.h"
#include "addon/core_calls.h"
#include "addon/exit_guard.h"
#include "addon/link_calls.h"
#include "addon/delivery_layout.h"
#include "addon/model_calls.h"
#include "addon/task.h"
#include "measuring/measure.h"
#include "devices/cuda/driver.h"
#include "devices/device.h"
#include "engines/kernels/engine.h"
#include "engines/onnxruntime/engine.h"
#include "engines/tensorrt/library.h"
#include "process/allocator.h"

namespace cb {

namespace {

using Shared = std::shared_ptr<BatcherHandle>;

Shared& handleOf(const Napi::Value& value) { return *value.As<Napi::External<Shared>>().Data(); }

const char* cudaStateName(CudaState state) {
  switch (state) {
    case CudaState::kOk:
      return "ok";
    case CudaState::kNotBuilt:
      return "not-built";
    case CudaState::kNoDriver:
      return "no-driver";
    case CudaState::kNoDevice:
      return "no-device";
    case CudaState::kError:
      return "error";
  }
  return "error";
}

Napi::Object toCuda(Napi::Env env, const CudaProbe& probe) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array devices = Napi::Array::New(env, probe.devices.size());
  for (size_t i = 0; i < probe.devices.size(); i++) {
    const CudaDevice& device = probe.devices[i];
    Napi::Object described = Napi::Object::New(env);
    described.Set("index", device.index);
    described.Set("name", device.name);
    Napi::Array capability = Napi::Array::New(env, 2);
    capability.Set(0u, device.computeMajor);
    capability.Set(1u, device.computeMinor);
    described.Set("computeCapability", capability);
    described.Set("memoryBytes", static_cast<double>(device.memoryBytes));
    devices.Set(static_cast<uint32_t>(i), described);
  }
  object.Set("state", cudaStateName(probe.state));
  object.Set("detail", probe.detail);
  object.Set("driverVersion", probe.driverVersion);
  object.Set("kernels", probe.kernels);
  object.Set("devices", devices);
  return object;
}

Napi::Object toEngine(Napi::Env env, const char* id, bool ok, const std::string& version, const std::string& detail) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", id);
  object.Set("ok", ok);
  object.Set("version", version);
  object.Set("detail", detail);
  return object;
}

bool externalBuffers(Napi::Env env) {
  static uint8_t byte = 0;
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, &byte, 1, nullptr, nullptr, &buffer) != napi_ok) return false;
  napi_detach_arraybuffer(env, buffer);
  return true;
}

// probe(library) -> {cuda, engines, externalBuffers}
Napi::Value probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  char version[64] = "";
  char error[512] = "";
  const std::string library = info[0].As<Napi::String>();
  const bool ok = onnxruntimeEngine()->probe(library.c_str(), version, sizeof version, error, sizeof error) == 0;
  const TensorrtProbe tensorrt = probeTensorrt();
  Napi::Array engines = Napi::Array::New(env, 2);
  engines.Set(0u, toEngine(env, "onnxruntime", ok, version, ok ? library : error));
  // Its library may be here, but nothing runs on it yet: not ok until an engine is built.
  engines.Set(1u, toEngine(env, "tensorrt", false, tensorrt.version,
                           tensorrt.found ? tensorrt.library + ": " + tensorrt.detail : tensorrt.detail));
  Napi::Object object = Napi::Object::New(env);
  object.Set("cuda", toCuda(env, probeCuda()));
  object.Set("engines", engines);
  object.Set("externalBuffers", externalBuffers(env));
  return object;
}

// openDevice(name) -> {version, description} of the kernel module there, or {fault}
Napi::Value openDevice(const Napi::CallbackInfo& info) {
  std::string fault;
  const std::shared_ptr<const Device> device = Device::open(info[0].As<Napi::String>(), fault);
  Napi::Object object = Napi::Object::New(info.Env());
  if (device == nullptr) {
    object.Set("fault", fault);
    return object;
  }
  char version[64] = "";
  kernelEngine()->probe(nullptr, version, sizeof version, nullptr, 0);
  object.Set("version", version);
  object.Set("description", device->description());
  return object;
}

// warmUp(model) -> Promise: one run over zeros has been made, or has failed
Napi::Value warmUp(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Model> model = modelOf(info[0]);
  const uint64_t guard = addExitGuard([model] { model->terminate(); });
  return Task::start(
      info.Env(),
      [model, guard](std::string&) {
        MeasureOptions once;
        once.durationMs = std::numeric_limits<double>::min();
        measure(*model, once, steadyMs);
        removeExitGuard(guard);
      },
      [](Napi::Env env) { return env.Undefined(); });
}

// deliveryNumbersMax(options, outputs) -> numbers that the array of `open` must hold
Napi::Value numbersMax(const Napi::CallbackInfo& info) {
  const BatcherOptions options = convert::batcherOptions(info[0].As<Napi::Object>());
  const size_t outputs = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Number::New(info.Env(), static_cast<double>(deliveryNumbersMax(options, outputs)));
}

// open(model, options, numbers, onBatch) -> External handle; the model's External is empty afterwards
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = info[1].As<Napi::Object>();
  std::unique_ptr<RunJournal> journal = convert::runJournal(options);
  std::unique_ptr<CoreClaim> cores = convert::coreClaim(options);
  Shared handle =
      BatcherHandle::open(env, std::move(modelOf(info[0])), convert::batcherOptions(options), std::move(journal),
                          std::move(cores), info[2].As<Napi::Float64Array>(), info[3].As<Napi::Function>());
  return Napi::External<Shared>::New(env, new Shared(handle), [](Napi::Env, Shared* held) { delete held; });
}

// The calls below are made once per request or more: plain N-API, without wrappers.

template <size_t Count>
struct Arguments {
  napi_value values[Count];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = Count;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  BatcherHandle& handle(napi_env env) const {
    void* data = nullptr;
    napi_get_value_external(env, values[0], &data);
    return **static_cast<Shared*>(data);
  }
  int32_t integer(napi_env env, size_t index) const {
    int32_t value = 0;
    napi_get_value_int32(env, values[index], &value);
    return value;
  }
  double number(napi_env env, size_t index) const {
    double value = 0;
    napi_get_value_double(env, values[index], &value);
    return value;
  }
};

napi_value toJs(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

// submit(handle, ticket, rows, lane, timeoutMs, maxBatch, dims, inputs, ranks, optionals) -> SubmitCode
napi_value submit(napi_env env, napi_callback_info info) {
  const Arguments<10> a(env, info);
  try {
    const SubmitCode code =
        a.handle(env).submit(env, static_cast<uint32_t>(a.integer(env, 1)), a.integer(env, 2), a.integer(env, 3),
                             a.number(env, 4), a.integer(env, 5),
                             {a.values[6], a.values[7], a.values[8], a.values[9]});
    napi_value value = nullptr;
    napi_create_int32(env, static_cast<int32_t>(code), &value);
    return value;
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

// wake(handle)
napi_value wake(napi_env env, napi_callback_info info) {
  Arguments<1>(env, info).handle(env).batcher().wake();
  return nullptr;
}

// release(handle, slab)
napi_value release(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  a.handle(env).giveBackSlab(a.integer(env, 1));
  return nullptr;
}

// cancel(handle, ticket) -> whether it was still queued
napi_value cancel(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  napi_value value = nullptr;
  napi_get_boolean(env, a.handle(env).cancel(static_cast<uint32_t>(a.integer(env, 1))), &value);
  return value;
}

napi_value queuedRows(napi_env env, napi_callback_info info) {
  return toJs(env, static_cast<double>(Arguments<1>(env, info).handle(env).batcher().queuedRows()));
}

napi_value runningRows(napi_env env, napi_callback_info info) {
  return toJs(env, static_cast<double>(Arguments<1>(env, info).handle(env).batcher().runningRows()));
}

napi_value drainTimeMs(napi_env env, napi_callback_info info) {
  return toJs(env, Arguments<1>(env, info).handle(env).batcher().drainTimeMs());
}

napi_value unresponsiveMs(napi_env env, napi_callback_info info) {
  return toJs(env, Arguments<1>(env, info).handle(env).batcher().unresponsiveMs());
}

// soonestMs(handle, rows)
napi_value soonestMs(napi_env env, napi_callback_info info) {
  const Arguments<2> a(env, info);
  return toJs(env, a.handle(env).batcher().soonestMs(a.integer(env, 1)));
}

// arena(handle) -> ArrayBuffer | undefined
Napi::Value arena(const Napi::CallbackInfo& info) { return handleOf(info[0])->arena(info.Env()); }

// unbatchedReason(handle) -> string, empty while requests share batches
Napi::Value unbatchedReason(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), handleOf(info[0])->batcher().unbatchedReason());
}

// stats(handle) -> counters and the latency table
Napi::Value stats(const Napi::CallbackInfo& info) {
  const Shared& handle = handleOf(info[0]);
  Napi::Object object = convert::toCounters(info.Env(), handle->batcher().counters());
  object.Set("latencyMs", convert::toDoubles(info.Env(), handle->batcher().latencyMs()));
  return object;
}

// trim(handle) -> Promise: the engine has given back what runs left with it
Napi::Value trim(const Napi::CallbackInfo& info) {
  struct Turn {
    std::mutex mutex;
    bool exiting = false;
  };
  const std::shared_ptr<Model> model = handleOf(info[0])->batcher().sharedModel();
  const auto turn = std::make_shared<Turn>();
  const uint64_t guard = addExitGuard([turn] {
    std::lock_guard<std::mutex> lock(turn->mutex);
    turn->exiting = true;
  });
  return Task::start(
      info.Env(),
      [model, turn, guard](std::string&) {
        {
          std::lock_guard<std::mutex> lock(turn->mutex);
          if (!turn->exiting) model->trim();
        }
        removeExitGuard(guard);
      },
      [](Napi::Env env) { return env.Undefined(); });
}

// trimHeap() -> Promise: what this process has freed is the system's again
Napi::Value trimHeap(const Napi::CallbackInfo& info) {
  return Task::start(
      info.Env(), [](std::string&) { trimAllocator(); }, [](Napi::Env env) { return env.Undefined(); });
}

// stop(handle) -> Promise: joined; what was queued comes as dropped, what ran as usual
Napi::Value stop(const Napi::CallbackInfo& info) {
  const Shared handle = handleOf(info[0]);
  handle->batcher().shut();  // now, so that nothing queued begins to run before the task has a thread
  return Task::start(
      info.Env(), [handle](std::string&) { handle->stop(false); }, [](Napi::Env env) { return env.Undefined(); });
}

// dispose(handle): after stop, once every delivery has been seen
Napi::Value dispose(const Napi::CallbackInfo& info) {
  handleOf(info[0])->dispose(info.Env());
  return info.Env().Undefined();
}

// confine(parentPid, dataBytesMax)
Napi::Value confine(const Napi::CallbackInfo& info) {
  const std::string error =
      confineProcess(info[0].As<Napi::Number>().Int64Value(), info[1].As<Napi::Number>().Int64Value());
  if (!error.empty()) throw Napi::Error::New(info.Env(), error);
  return info.Env().Undefined();
}

void setRaw(Napi::Env env, Napi::Object exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  exports.Set(name, Napi::Value(env, function));
}

}  // namespace

}  // namespace cb

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  using namespace cb;
  tuneAllocator();
  guardExitOf(env);
  exports.Set("probe", Napi::Function::New<probe>(env, "probe"));
  exports.Set("openDevice", Napi::Function::New<openDevice>(env, "openDevice"));
  addModelCalls(env, exports);
  exports.Set("warmUp", Napi::Function::New<warmUp>(env, "warmUp"));
  exports.Set("deliveryNumbersMax", Napi::Function::New<numbersMax>(env, "deliveryNumbersMax"));
  exports.Set("open", Napi::Function::New<cb::open>(env, "open"));
  setRaw(env, exports, "submit", submit);
  setRaw(env, exports, "wake", wake);
  setRaw(env, exports, "release", cb::release);
  setRaw(env, exports, "cancel", cancel);
  setRaw(env, exports, "queuedRows", queuedRows);
  setRaw(env, exports, "runningRows", runningRows);
  setRaw(env, exports, "drainTimeMs", drainTimeMs);
  setRaw(env, exports, "unresponsiveMs", unresponsiveMs);
  setRaw(env, exports, "soonestMs", soonestMs);
  exports.Set("arena", Napi::Function::New<arena>(env, "arena"));
  exports.Set("unbatchedReason", Napi::Function::New<unbatchedReason>(env, "unbatchedReason"));
  exports.Set("stats", Napi::Function::New<stats>(env, "stats"));
  exports.Set("trim", Napi::Function::New<trim>(env, "trim"));
  exports.Set("stop", Napi::Function::New<stop>(env, "stop"));
  exports.Set("dispose", Napi::Function::New<dispose>(env, "dispose"));
  exports.Set("confine", Napi::Function::New<confine>(env, "confine"));
  exports.Set("trimHeap", Napi::Function::New<trimHeap>(env, "trimHeap"));
  addCoreCalls(env, exports);
  addLinkCalls(env, exports);
  return exports;
}

NODE_API_MODULE(cuda_batcher, initialize)
