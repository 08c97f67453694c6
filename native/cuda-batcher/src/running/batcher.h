// One model's queue and engine threads: requests in, deliveries out. Thread-safe; knows no JavaScript and no device.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "running/batch_run.h"
#include "running/counters.h"
#include "running/cut.h"
#include "running/delivery.h"
#include "running/model.h"
#include "running/recheck.h"
#include "running/running_batches.h"
#include "scheduling/scheduler.h"
#include "sharing/core_claim.h"

namespace cb {

enum class Submitted { kAccepted, kFull, kDeadline, kClosed };

class Batcher {
 public:
  using Clock = BatchRun::Clock;
  // Called on a thread of the batcher, without a lock held; the receiver gives the delivery back through `finish`.
  using Deliver = std::function<void(std::unique_ptr<Delivery>)>;

  // `journal` has a slot for each engine thread; null: none is kept. `cores` are asked for by each engine thread before it
  // closes a batch; null: it runs whenever it has one.
  Batcher(std::shared_ptr<Model> model, BatcherOptions options, Clock clock, Deliver deliver,
          std::unique_ptr<RunJournal> journal = nullptr, std::unique_ptr<CoreClaim> cores = nullptr);
  ~Batcher();  // stop()
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // An empty request to fill in and submit; refused ones go back with `recycle`.
  Request* blank();
  void recycle(Request* request);

  // Takes an accepted request until its delivery. One of more rows than a batch takes is run in pieces (submitCut). Does not wake an engine before a full batch waits: call `wake` once
  // after a burst, so that the burst becomes one batch and costs one wake-up.
  Submitted submit(Request* request);
  void wake();

  // Takes a request out of the queue: null when it is running (in pieces: no more of them run) or gone, otherwise recycle it.
  Request* cancel(uint32_t ticket);

  // Frees what a delivery holds; its slab too, unless `keepSlab`: then `giveBackSlab` must follow.
  void finish(std::unique_ptr<Delivery> delivery, bool keepSlab, double deliveredMs);
  void giveBackSlab(int32_t slab) { arena_.giveBack(slab); }

  // Share of the host's cores in times of others', where there are not enough.
  void setWeight(double weight);

  // Refuses new requests and delivers queued ones as dropped; does not wait. Idempotent.
  void shut();
  // Shuts, lets running batches end, and joins the threads. `hurry` asks the engine to abandon them. Idempotent.
  void stop(bool hurry);

  int64_t queuedRows() const;
  int64_t runningRows() const;
  double drainTimeMs() const;  // until all that is queued and running is done, as predicted
  double unresponsiveMs() const;  // how long a run that was asked to end has gone on since; 0: there is none
  double soonestMs(int32_t rows) const;  // until so many rows are done if they are the next batch, as predicted
  // Why requests do not share batches, as the model was opened or as its outputs turned out; empty when they do.
  std::string unbatchedReason() const;
  Counters counters() const;
  std::vector<double> latencyMs() const;

  const Model& model() const { return *model_; }
  const std::shared_ptr<Model>& sharedModel() const { return model_; }
  const SlabArena& arena() const { return arena_; }
  const BatcherOptions& options() const { return options_; }
  double nowMs() const { return clock_(); }

 private:
  std::unique_ptr<Delivery> blankDelivery();
  void recycle(std::unique_ptr<Delivery> delivery);
  void work(size_t engine);
  void watch();
  bool unwatched();
  bool idleIsWanted() const;
  void dropQueued();
  Submitted submitCut(Request* request);
  void pushPieces(Cut& cut);
  void handOver(std::unique_ptr<Delivery> delivery);
  void settlePieces(const std::vector<Cut*>& ended);
  int64_t uncutRows() const;
  void forget(const Request& request);
  void countRows(Request& request) const;
  void leave(Request* request);
  bool takeCores(size_t engine, double& startAtMs);
  bool awaitCores(std::unique_lock<std::mutex>& lock, size_t engine);
  void noteTurn(size_t engine, bool taken, double nowMs);
  void hurryCores();
  void leaveCores(size_t engine);
  double pendingCoreMs() const;
  bool coresWaitedFor() const { return cores_ != nullptr && cores_->waiting(); }
  bool takeBatch(size_t engine, Delivery& delivery, double& startAtMs);
  std::unique_ptr<Delivery> runBatch(size_t engine, BatchRun& run, std::unique_ptr<Delivery> delivery);
  void runAlone(size_t engine, BatchRun& run, const Delivery& failed);
  void judge(size_t engine, Delivery& delivery);
  bool runAgain(std::unique_lock<std::mutex>& lock, size_t engine, BatchRun& run);
  std::string differenceAlone(KeptRequest& kept, BatchRun& run);
  std::unique_ptr<Delivery> runKept(KeptRequest& kept, BatchRun& run);
  void discard(std::unique_ptr<Delivery> delivery);
  void account(size_t engine, const Delivery& delivery);
  double soonestAtMs(double nowMs, int32_t rows) const;

  const std::shared_ptr<Model> model_;
  const BatcherOptions options_;
  const Clock clock_;
  const Deliver deliver_;
  SlabArena arena_;
  std::vector<std::unique_ptr<ModelRun>> runs_;  // index = engine thread
  const std::unique_ptr<RunJournal> journal_;
  const std::unique_ptr<CoreClaim> cores_;
  // By engine thread; infinity: it has cores, or there are no rows for it.
  std::vector<double> coresWantedAtMs_ = std::vector<double>(static_cast<size_t>(options_.instances), kNoDeadline);
  Recheck recheck_;

  mutable std::mutex mutex_;
  std::condition_variable work_;  // an engine has something to look at
  std::condition_variable late_;  // requests wait while every engine is busy
  Scheduler scheduler_;
  Counters counters_;
  RunningBatches running_;
  std::vector<Request*> queuedByTicket_;  // index = ticket
  std::vector<std::unique_ptr<Cut>> cuts_;  // requests in pieces
  size_t cutBytes_ = 0;                     // of their inputs
  std::string misfit_;  // why requests run alone from now on: an output without its batch's rows, or rows that met; or empty
  int32_t idle_ = 0;
  bool watched_ = false;  // watch() looks, or is about to
  bool stopping_ = false;

  std::mutex poolMutex_;
  std::vector<std::unique_ptr<Request>> all_;
  std::vector<Request*> pool_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;  // used again, so that their memory is allocated once

  std::mutex stopMutex_;
  std::vector<std::thread> threads_;
};

}  // namespace cb
