// A batcher as one JavaScript environment holds it: turns calls into requests and deliveries into callbacks, and keeps
// the order of ending right (gate, threads, thread-safe function, memory).
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "layouts/delivery_layout.h"
#include "running/batcher.h"
#include "running/shape_keys.h"
#include "serving/served_batcher.h"

namespace cb {

// The way into JavaScript from other threads; shut before what it calls is taken down.
class Gate {
 public:
  void open(napi_threadsafe_function function);
  void shut();
  // False: shut, or the loop takes no more; the delivery is still the caller's.
  bool pass(std::unique_ptr<Delivery>& delivery);

 private:
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;
};

class BatcherHandle : public std::enable_shared_from_this<BatcherHandle> {
 public:
  // JS thread. Deliveries are written into `numbers` before `onBatch` is called (lib/delivery-layout.ts).
  static std::shared_ptr<BatcherHandle> open(Napi::Env env, std::shared_ptr<Model> model, BatcherOptions options,
                                             std::unique_ptr<RunJournal> journal, std::unique_ptr<CoreClaim> cores,
                                             Napi::Float64Array numbers, Napi::Function onBatch);
  ~BatcherHandle();

  // Typed arrays or null, as lib/native.ts has them.
  struct SubmittedTensors {
    napi_value dims;
    napi_value inputs;
    napi_value ranks;
    napi_value optionals;
  };
  SubmitCode submit(napi_env env, uint32_t ticket, int32_t rows, int32_t lane, double timeoutMs, int32_t maxBatch,
                    const SubmittedTensors& tensors);
  bool cancel(uint32_t ticket);
  void giveBackSlab(int32_t slab) { batcher_->giveBackSlab(slab); }

  // An ArrayBuffer over the arena, made once; undefined when there is no arena or the host forbids external memory.
  Napi::Value arena(Napi::Env env);

  void stop(bool hurry);           // any thread
  void dispose(Napi::Env env);     // JS thread, after stop, when every delivery has been seen

  Batcher& batcher() { return *batcher_; }
  // The same batcher as links see it; null after `dispose`.
  const std::shared_ptr<link::Served>& served() const { return served_; }

 private:
  BatcherHandle() = default;
  void deliver(std::unique_ptr<Delivery> delivery);
  void receive(napi_env env, napi_value onBatch, std::unique_ptr<Delivery> delivery);
  void addPending(napi_env env, int64_t count);

  std::shared_ptr<Batcher> batcher_;
  std::shared_ptr<ShapeKeys> shapes_ = std::make_shared<ShapeKeys>();
  std::shared_ptr<link::Served> served_;
  napi_threadsafe_function function_ = nullptr;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  Napi::Reference<Napi::Float64Array> numbers_;
  double* numbersData_ = nullptr;
  Napi::Reference<Napi::ArrayBuffer> arena_;
  int64_t pending_ = 0;    // accepted and not yet seen by JS; the loop stays alive meanwhile
  uint64_t exitGuard_ = 0;
  bool disposed_ = false;
};

}  // namespace cb
