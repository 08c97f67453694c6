// The add-on of tests and benchmarks: parts of the batcher by themselves; lib/testing/native.ts is its other side.
#include <napi.h>

#include "addon/convert.h"
#include "addon/exit_guard.h"
#include "addon/model_calls.h"
#include "addon/task.h"
#include "addon/virtual_calls.h"
#include "scheduling/batch_policy.h"
#include "serving/query.h"

namespace cb {

namespace {

// measure(model, options) -> Promise<{latencyMs, elapsedMs}>
Napi::Value measureModel(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Model> model = modelOf(info[0]);
  const MeasureOptions options = convert::measureOptions(info[1].As<Napi::Object>());
  auto measured = std::make_shared<Measured>();
  const uint64_t guard = addExitGuard([model] { model->terminate(); });
  return Task::start(
      info.Env(),
      [model, options, measured, guard](std::string& error) {
        *measured = measure(*model, options, steadyMs);
        removeExitGuard(guard);
        error = measured->error;
      },
      [measured](Napi::Env env) { return convert::toMeasured(env, *measured); });
}

// feed(model, batcherOptions, options) -> Promise<{items, batches, elapsedMs, engineMs}>
Napi::Value feedModel(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Model> model = modelOf(info[0]);
  const BatcherOptions options = convert::batcherOptions(info[1].As<Napi::Object>());
  const FeedOptions load = convert::feedOptions(info[2].As<Napi::Object>());
  auto fed = std::make_shared<Fed>();
  const uint64_t guard = addExitGuard([model] { model->terminate(); });
  return Task::start(
      info.Env(),
      [=](std::string& error) {
        *fed = feed(model, options, load, steadyMs);
        removeExitGuard(guard);
        error = fed->error;
      },
      [fed](Napi::Env env) { return convert::toFed(env, *fed); });
}

// judge(model, request, datatypes) -> {rows, outputs} when links would run it, else null
Napi::Value judge(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Model> model = modelOf(info[0]);
  const Napi::Uint8Array body = info[1].As<Napi::Uint8Array>();
  wire::InferHead head;
  Request request;
  link::Query query;
  const Napi::Object datatypes = info[2].As<Napi::Object>();
  const link::Signature signature{convert::texts(datatypes.Get("inputs")), convert::texts(datatypes.Get("outputs")),
                                  link::AxisLimits(convert::doubles(datatypes.Get("axisLimits")))};
  if (wire::scanInferRequest(body.Data(), body.ByteLength(), head) != wire::Scan::kOk ||
      !link::fits(*model, signature, head, body.Data(), request, query)) {
    return info.Env().Null();
  }
  Napi::Array outputs = Napi::Array::New(info.Env());
  for (const uint32_t index : query.outputs) outputs.Set(outputs.Length(), index);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("rows", request.rows);
  object.Set("outputs", outputs);
  return object;
}

// planBatch(nowMs, queue, rules) -> {take, drop, rows, paddedRows, startAtMs}
Napi::Value plan(const Napi::CallbackInfo& info) {
  const Napi::Object queue = info[1].As<Napi::Object>();
  const std::vector<double> arrivalMs = convert::doubles(queue.Get("arrivalMs"));
  const std::vector<double> deadlineMs = convert::doubles(queue.Get("deadlineMs"));
  const std::vector<int32_t> rows = convert::integers(queue.Get("rows"));
  const std::vector<int32_t> lane = convert::integers(queue.Get("lane"));
  const std::vector<int32_t> maxBatch = convert::integers(queue.Get("maxBatch"));
  const std::vector<int32_t> shape = convert::integers(queue.Get("shapeKey"));
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < rows.size(); i++) {
    candidates.push_back(
        {arrivalMs[i], deadlineMs[i], rows[i], lane[i], maxBatch[i], static_cast<uint64_t>(shape[i])});
  }
  const Napi::Object given = info[2].As<Napi::Object>();
  const auto number = [&](const char* key) { return given.Get(key).As<Napi::Number>().DoubleValue(); };
  const std::vector<double> latencyMs = convert::doubles(given.Get("latencyMs"));
  const std::vector<int32_t> sizes = convert::integers(given.Get("preferredBatchSizes"));
  PlanRules rules{};
  rules.maxBatch = static_cast<int32_t>(latencyMs.size()) - 1;
  rules.engines = static_cast<int32_t>(number("engines"));
  rules.maxQueueDelayMs = number("maxQueueDelayMs");
  rules.arrivalGapMs = number("arrivalGapMs");
  rules.offeredPerMs = number("offeredPerMs");
  rules.slowdown = number("slowdown");
  rules.safety = number("safety");
  rules.deliveryMs = number("deliveryMs");
  rules.hiddenRows = static_cast<int32_t>(number("hiddenRows"));
  rules.hiddenDeadlineMs = number("hiddenDeadlineMs");
  rules.latencyMs = latencyMs.data();
  rules.sizes = sizes.data();
  rules.sizeCount = sizes.size();
  Plan planned;
  planBatch(info[0].As<Napi::Number>().DoubleValue(), candidates.data(), candidates.size(), rules, planned);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("take", convert::toIntegers(info.Env(), planned.take));
  object.Set("drop", convert::toIntegers(info.Env(), planned.drop));
  object.Set("rows", planned.rows);
  object.Set("paddedRows", planned.paddedRows);
  object.Set("startAtMs", planned.startAtMs);
  return object;
}

}  // namespace

}  // namespace cb

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  using namespace cb;
  guardExitOf(env);
  addModelCalls(env, exports);
  addVirtualCalls(env, exports);
  exports.Set("measure", Napi::Function::New<measureModel>(env, "measure"));
  exports.Set("feed", Napi::Function::New<feedModel>(env, "feed"));
  exports.Set("judge", Napi::Function::New<judge>(env, "judge"));
  exports.Set("planBatch", Napi::Function::New<plan>(env, "planBatch"));
  return exports;
}

NODE_API_MODULE(cuda_batcher_testing, initialize)
