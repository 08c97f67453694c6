#include "addon/batcher_handle.h"

#include <algorithm>
#include <cstring>

#include "addon/exit_guard.h"
#include "addon/model_calls.h"
#include "addon/delivery_layout.h"

namespace cb {

namespace {

// JavaScript's tickets are even inside; links have the odd ones.
constexpr uint32_t inside(uint32_t ticket) { return 2 * ticket; }

// A request's ticket as JavaScript knows it.
double outside(const Request& request) { return request.ticket % 2 == 0 ? request.ticket / 2.0 : kOfLinkTicket; }

// What the environment's cleanup hook and the thread-safe function keep alive.
using Shared = std::shared_ptr<BatcherHandle>;

void cleanUp(void* data) {
  auto* handle = static_cast<Shared*>(data);
  (*handle)->stop(true);
}

bool readBytes(napi_env env, napi_value value, RequestInput& input) {
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
  if (type != napi_uint8_array) return false;
  alignas(8) static const uint8_t none = 0;  // an empty tensor has an address too
  input.data = data == nullptr ? &none : static_cast<const uint8_t*>(data);
  input.bytes = length;
  return true;
}

// Appends the elements of a typed array of `From`; false: it is none.
template <typename From, typename To>
bool readNumbers(napi_env env, napi_value value, std::vector<To>& to) {
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
  const From* numbers = static_cast<const From*>(data);
  for (size_t i = 0; i < length; i++) to.push_back(static_cast<To>(numbers[i]));
  return true;
}

}  // namespace

void Gate::open(napi_threadsafe_function function) {
  std::lock_guard<std::mutex> lock(mutex_);
  function_ = function;
}

void Gate::shut() {
  std::lock_guard<std::mutex> lock(mutex_);
  function_ = nullptr;
}

bool Gate::pass(std::unique_ptr<Delivery>& delivery) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (function_ == nullptr) return false;
  if (napi_call_threadsafe_function(function_, delivery.get(), napi_tsfn_nonblocking) != napi_ok) return false;
  delivery.release();
  return true;
}

Shared BatcherHandle::open(Napi::Env env, std::shared_ptr<Model> model, BatcherOptions options,
                           std::unique_ptr<RunJournal> journal, std::unique_ptr<CoreClaim> cores,
                           Napi::Float64Array numbers, Napi::Function onBatch) {
  Shared handle(new BatcherHandle);
  handle->numbers_ = Napi::Persistent(numbers);
  handle->numbersData_ = numbers.Data();
  const auto callJs = [](napi_env jsEnv, napi_value callback, void* held, void* data) {
    std::unique_ptr<Delivery> delivery(static_cast<Delivery*>(data));
    BatcherHandle& self = **static_cast<Shared*>(held);
    if (self.batcher_ == nullptr) return;
    if (jsEnv == nullptr || self.disposed_) {
      self.batcher_->finish(std::move(delivery), false, steadyMs());
    } else {
      self.receive(jsEnv, callback, std::move(delivery));
    }
  };
  const auto finalize = [](napi_env jsEnv, void* data, void*) {
    napi_remove_env_cleanup_hook(jsEnv, cleanUp, data);
    delete static_cast<Shared*>(data);
  };
  auto* context = new Shared(handle);
  napi_value name = Napi::String::New(env, "cuda-batcher");
  if (napi_create_threadsafe_function(env, onBatch, nullptr, name, 0, 1, context, finalize, context, callJs,
                                      &handle->function_) != napi_ok) {
    delete context;
    throw Napi::Error::New(env, "no thread-safe function could be made");
  }
  napi_unref_threadsafe_function(env, handle->function_);
  // After the function, so that it runs before the function is taken down.
  napi_add_env_cleanup_hook(env, cleanUp, context);
  handle->gate_->open(handle->function_);
  BatcherHandle* raw = handle.get();
  handle->batcher_ = std::make_shared<Batcher>(
      std::move(model), std::move(options), steadyMs,
      [raw](std::unique_ptr<Delivery> delivery) { raw->deliver(std::move(delivery)); },
      std::move(journal), std::move(cores));
  // A delivery of nothing tells JavaScript to look whether it waits for the last query.
  handle->served_ = std::make_shared<link::Served>(handle->batcher_, handle->shapes_, [gate = handle->gate_] {
    auto nothing = std::make_unique<Delivery>();
    gate->pass(nothing);
  });
  handle->exitGuard_ = addExitGuard([raw] { raw->stop(true); });
  return handle;
}

BatcherHandle::~BatcherHandle() {
  removeExitGuard(exitGuard_);
  if (batcher_ != nullptr) batcher_->stop(true);  // answers that wait to be sent may still hold it
}

SubmitCode BatcherHandle::submit(napi_env env, uint32_t ticket, int32_t rows, int32_t lane, double timeoutMs,
                                 int32_t maxBatch, const SubmittedTensors& tensors) {
  Request* request = batcher_->blank();
  request->ticket = inside(ticket);
  request->queryId = 0;
  request->rows = rows;
  request->lane = lane;
  request->alone = maxBatch < rows;
  request->maxBatch = std::max(maxBatch, rows);
  request->bytes = 0;
  request->dims.clear();
  request->shapeKey = 0;
  readNumbers<double>(env, tensors.dims, request->dims);
  if (readNumbers<int32_t>(env, tensors.ranks, request->ranks)) {
    readNumbers<int32_t>(env, tensors.optionals, request->optionals);
  } else if (!request->dims.empty()) {
    request->shapeKey = shapes_->of(batcher_->model(), request->dims);
  }
  request->inputs.resize(batcher_->model().inputs().size() + request->optionals.size());
  for (size_t i = 0; i < request->inputs.size(); i++) {
    napi_value input;
    if (napi_get_element(env, tensors.inputs, static_cast<uint32_t>(i), &input) != napi_ok ||
        !readBytes(env, input, request->inputs[i])) {
      batcher_->recycle(request);
      throw Napi::TypeError::New(env, "inputs must be Uint8Arrays, one for each input");
    }
    request->bytes += request->inputs[i].bytes;
  }
  request->arrivalMs = batcher_->nowMs();
  request->deadlineMs = timeoutMs >= 0 ? request->arrivalMs + timeoutMs : kNoDeadline;
  const Submitted submitted = batcher_->submit(request);
  if (submitted == Submitted::kAccepted) {
    addPending(env, 1);
    return SubmitCode::kAccepted;
  }
  batcher_->recycle(request);
  if (submitted == Submitted::kFull) return SubmitCode::kFull;
  return submitted == Submitted::kDeadline ? SubmitCode::kDeadline : SubmitCode::kClosed;
}

bool BatcherHandle::cancel(uint32_t ticket) {
  Request* request = batcher_->cancel(inside(ticket));
  if (request == nullptr) return false;
  batcher_->recycle(request);
  return true;
}

void BatcherHandle::addPending(napi_env env, int64_t count) {
  const bool was = pending_ > 0;
  pending_ += count;
  const bool is = pending_ > 0;
  if (was == is || function_ == nullptr) return;
  if (is) {
    napi_ref_threadsafe_function(env, function_);
  } else {
    napi_unref_threadsafe_function(env, function_);
  }
}

void BatcherHandle::deliver(std::unique_ptr<Delivery> delivery) {
  delivery = served_->deliver(std::move(delivery));
  if (delivery == nullptr || gate_->pass(delivery)) return;
  batcher_->finish(std::move(delivery), false, steadyMs());
}

void BatcherHandle::receive(napi_env rawEnv, napi_value onBatch, std::unique_ptr<Delivery> delivery) {
  Napi::Env env(rawEnv);
  Napi::HandleScope scope(env);
  const double nowMs = steadyMs();
  const bool lent = delivery->error.empty() && delivery->slab != kNoSlab && !arena(env).IsUndefined();
  double* to = numbersData_;
  to[delivery_layout::kRows] = delivery->rows;
  to[delivery_layout::kGatherMs] = delivery->times.gatheredMs - delivery->times.takenMs;
  to[delivery_layout::kRunMs] = delivery->times.copiedOutMs - delivery->times.gatheredMs;
  to[delivery_layout::kScatterMs] = nowMs - delivery->times.copiedOutMs;
  to[delivery_layout::kSlab] = lent ? delivery->slab : kNoSlab;
  to[delivery_layout::kMembers] = static_cast<double>(delivery->members.size());
  to[delivery_layout::kDropped] = static_cast<double>(delivery->dropped.size());
  to[delivery_layout::kStopped] = delivery->stopped ? 1 : 0;
  to[delivery_layout::kOutputs] = static_cast<double>(delivery->outputs.size());
  to[delivery_layout::kOverdue] = delivery->overdue ? 1 : 0;
  to[delivery_layout::kExhausted] = delivery->exhausted ? 1 : 0;
  to[delivery_layout::kRefused] = delivery->refused ? 1 : 0;
  to[delivery_layout::kPaddedRows] = delivery->paddedRows;
  to[delivery_layout::kRunCpuMs] = delivery->times.runCpuMs;
  to += delivery_layout::kHead;
  size_t own = delivery->dropped.size();
  for (const Request* member : delivery->members) {
    const double ticket = outside(*member);
    if (ticket >= 0) own++;
    to[member_layout::kTicket] = ticket;
    to[member_layout::kRows] = member->rows;
    to[member_layout::kQueueMs] = delivery->times.takenMs - member->arrivalMs;
    to += member_layout::kStride;
  }
  for (const Request* dropped : delivery->dropped) *to++ = outside(*dropped);
  Napi::Array copies = Napi::Array::New(env);
  for (size_t i = 0; i < delivery->outputs.size(); i++, to += output_layout::kStride) {
    const EngineBuffer& output = delivery->outputs[i];
    const bool inArena = lent && output.owner == nullptr;
    to[output_layout::kOffset] =
        inArena ? static_cast<double>(static_cast<uint8_t*>(output.data) - batcher_->arena().data()) : 0;
    to[output_layout::kBytes] = static_cast<double>(output.bytes);
    to[output_layout::kRank] = output.rank;
    for (int32_t d = 0; d < output.rank; d++) to[output_layout::kDims + static_cast<size_t>(d)] = output.dims[d];
    if (!inArena && delivery->error.empty()) {
      Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, output.bytes);
      if (output.bytes > 0) std::memcpy(copy.Data(), output.data, output.bytes);
      copies.Set(static_cast<uint32_t>(i), copy);
    }
  }
  napi_value arguments[] = {copies, delivery->error.empty() ? env.Undefined() : Napi::String::New(env, delivery->error)};
  addPending(env, -static_cast<int64_t>(own));
  // The callback answers whether it lent the slab out; otherwise it has copied what it needs.
  napi_value kept = nullptr;
  bool keep = false;
  if (napi_call_function(env, env.Undefined(), onBatch, 2, arguments, &kept) == napi_ok) {
    napi_get_value_bool(env, kept, &keep);
  }
  batcher_->finish(std::move(delivery), lent && keep, nowMs);
}

Napi::Value BatcherHandle::arena(Napi::Env env) {
  if (!arena_.IsEmpty()) return arena_.Value();
  const SlabArena& arena = batcher_->arena();
  if (arena.bytes() == 0) return env.Undefined();
  // The buffer keeps the handle, and so the mapping, until it is collected or detached.
  auto* keep = new Shared(shared_from_this());
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, arena.data(), arena.bytes(), [](napi_env, void*, void* hint) { delete static_cast<Shared*>(hint); }, keep,
      &buffer);
  if (status != napi_ok) {
    delete keep;
    return env.Undefined();
  }
  arena_ = Napi::Persistent(Napi::ArrayBuffer(env, buffer));
  return arena_.Value();
}

void BatcherHandle::stop(bool hurry) {
  if (hurry) gate_->shut();
  if (batcher_ != nullptr) batcher_->stop(hurry);
}

void BatcherHandle::dispose(Napi::Env env) {
  if (disposed_) return;
  disposed_ = true;
  removeExitGuard(exitGuard_);
  gate_->shut();
  numbers_.Reset();
  bool detached = true;
  if (!arena_.IsEmpty()) {
    // Views die at once instead of keeping the memory until they are collected.
    detached = napi_detach_arraybuffer(env, arena_.Value()) == napi_ok;
    arena_.Reset();
  }
  served_.reset();
  if (detached) batcher_.reset();  // the weights go now, not when the handle is collected
  napi_threadsafe_function function = function_;
  function_ = nullptr;
  napi_release_threadsafe_function(function, napi_tsfn_release);
}

}  // namespace cb
