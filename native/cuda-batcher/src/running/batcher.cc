#include "running/batcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "process/fatal_signals.h"

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;
// Deliveries kept to be used again: as many as are on their way at a time, or about.
constexpr size_t kDeliveriesKept = 32;
// A longest sleep, so that a missed wake-up could never become a hang.
constexpr double kSleepMaxMs = 1000;
// While every engine is busy, the queue is looked through for late requests this often: nobody is told later than this
// after its deadline, and a waiting queue costs a hundred short looks a second.
constexpr double kLateCheckMs = 10;
// How often runs are looked at that may have to end.
constexpr double kRunCheckMs = 100;

}  // namespace

Batcher::Batcher(std::shared_ptr<Model> model, BatcherOptions options, Clock clock, Deliver deliver,
                 std::unique_ptr<RunJournal> journal, std::unique_ptr<CoreClaim> cores)
    : model_(std::move(model)),
      options_(std::move(options)),
      clock_(clock),
      deliver_(std::move(deliver)),
      arena_(outputSlabBytes(*model_, options_.maxBatch), outputSlabs(*model_, options_)),
      journal_(std::move(journal)),
      cores_(std::move(cores)),
      recheck_(*model_, clock_, options_.recheckTolerance, options_.proven),
      scheduler_(options_),
      running_(static_cast<size_t>(options_.instances)) {
  for (int32_t engine = 0; engine < options_.instances; engine++) {
    runs_.push_back(std::make_unique<ModelRun>(*model_));
  }
  if (journal_ != nullptr) {
    markFatalSignals();
    model_->journalSlots().set(journal_->slots(), static_cast<uint32_t>(options_.instances));
  }
  counters_.batchRows.assign(static_cast<size_t>(options_.maxBatch) + 1, 0);
  for (size_t engine = 0; engine < runs_.size(); engine++) {
    threads_.emplace_back([this, engine] { work(engine); });
  }
  threads_.emplace_back([this] { watch(); });
}

Batcher::~Batcher() {
  stop(false);
  if (journal_ != nullptr) model_->journalSlots().clear();
}

Request* Batcher::blank() {
  std::lock_guard<std::mutex> lock(poolMutex_);
  if (pool_.empty()) {
    all_.push_back(std::make_unique<Request>());
    return all_.back().get();
  }
  Request* request = pool_.back();
  pool_.pop_back();
  request->cut = nullptr;
  request->yields = false;
  request->alone = false;
  request->ranks.clear();
  request->optionals.clear();
  request->batches = 1;
  return request;
}

void Batcher::recycle(Request* request) {
  std::lock_guard<std::mutex> lock(poolMutex_);
  pool_.push_back(request);
}

std::unique_ptr<Delivery> Batcher::blankDelivery() {
  std::lock_guard<std::mutex> lock(poolMutex_);
  if (deliveries_.empty()) return std::make_unique<Delivery>();
  std::unique_ptr<Delivery> delivery = std::move(deliveries_.back());
  deliveries_.pop_back();
  return delivery;
}

void Batcher::recycle(std::unique_ptr<Delivery> delivery) {
  delivery->clear();
  std::lock_guard<std::mutex> lock(poolMutex_);
  if (deliveries_.size() < kDeliveriesKept) deliveries_.push_back(std::move(delivery));
}

Submitted Batcher::submit(Request* request) {
  if (request->rows > options_.maxBatch && !request->ownForm()) return submitCut(request);
  bool full = false;
  bool unseen = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return Submitted::kClosed;
    scheduler_.offered(request->rows);
    const double nowMs = request->arrivalMs;
    if (running_.count() == 0) scheduler_.idleAt(nowMs);
    if (scheduler_.comesTooLate(*request, running_.freeAtMs(nowMs))) {
      counters_.refusedDeadline++;
      return Submitted::kDeadline;
    }
    countRows(*request);
    if (!scheduler_.queue().hasRoom(request->rows, request->bytes)) {
      counters_.refusedFull++;
      return Submitted::kFull;
    }
    scheduler_.push(request);
    if (request->ticket >= queuedByTicket_.size()) queuedByTicket_.resize(request->ticket + 1, nullptr);
    queuedByTicket_[request->ticket] = request;
    counters_.requests++;
    counters_.rows += static_cast<uint64_t>(request->rows);
    hurryCores();
    full = idle_ > 0 && !coresWaitedFor() && scheduler_.queue().rows() >= options_.maxBatch;
    unseen = unwatched();
  }
  if (full) work_.notify_one();
  if (unseen) late_.notify_one();
  return Submitted::kAccepted;
}

void Batcher::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_ == 0 || coresWaitedFor() || scheduler_.queue().empty()) return;
  }
  work_.notify_one();
}

Request* Batcher::cancel(uint32_t ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& cut : cuts_) {
    if (cut->whole().ticket == ticket) cut->cancel();
  }
  if (ticket >= queuedByTicket_.size() || queuedByTicket_[ticket] == nullptr) return nullptr;
  Request* request = queuedByTicket_[ticket];
  leave(request);
  counters_.cancelled++;
  return request;
}

void Batcher::leave(Request* request) {
  scheduler_.queue().remove(request);
  forget(*request);
}

void Batcher::forget(const Request& request) {
  if (request.cut == nullptr) queuedByTicket_[request.ticket] = nullptr;
}

// One turn of the lock a batch: what has run is accounted for and the next batch taken at once, and only then, without
// the lock, the answers are handed over.
void Batcher::work(size_t engine) {
  JournalSlots own;
  if (journal_ != nullptr) own.set(journal_->slots() + engine, 1);
  const ComputingThread here(own);
  BatchRun run({*model_, *runs_[engine], arena_, journal_.get(), engine, clock_, options_.cpuTimes});
  std::unique_ptr<Delivery> done;
  bool rested = true;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_ || done != nullptr) {
    std::unique_ptr<Delivery> next = blankDelivery();
    double startAtMs = kNoDeadline;
    const bool ready = !stopping_ && takeCores(engine, startAtMs) && takeBatch(engine, *next, startAtMs);
    if (ready) {
      if (idleIsWanted()) work_.notify_one();  // the rest is for another engine
      if (unwatched()) late_.notify_one();
    } else if (done == nullptr && next->dropped.empty()) {
      recycle(std::move(next));
      if (!stopping_ && awaitCores(lock, engine)) continue;
      if (!stopping_ && runAgain(lock, engine, run)) continue;
      leaveCores(engine);
      const double sleepMs = std::clamp(startAtMs - clock_(), 0.0, kSleepMaxMs);
      idle_++;
      const auto woken = work_.wait_for(lock, std::chrono::duration<double, std::milli>(sleepMs));
      idle_--;
      if (rested || woken != std::cv_status::timeout || sleepMs < kSleepMaxMs) continue;
      lock.unlock();
      run.rest();
      rested = true;
      lock.lock();
      continue;
    }
    lock.unlock();
    rested = false;
    if (done != nullptr) handOver(std::move(done));
    if (ready) {
      done = runBatch(engine, run, std::move(next));
    } else if (next->dropped.empty()) {
      recycle(std::move(next));
    } else {
      handOver(std::move(next));
    }
    lock.lock();
    if (done == nullptr) continue;
    account(engine, *done);
    running_.end(engine);
  }
  leaveCores(engine);
  lock.unlock();
  run.rest();
}

// Under the lock. An engine that is kept free is not woken for each piece that passes it.
bool Batcher::idleIsWanted() const { return idle_ > 0 && scheduler_.wants(clock_(), running_.yielding()); }

// Whether somebody waits for busy engines and watch() sleeps; it counts as looking from now on.
bool Batcher::unwatched() {
  if (watched_ || (idle_ > 0 && !coresWaitedFor()) || scheduler_.queue().empty()) return false;
  watched_ = true;
  return true;
}

// Tells those whose deadline passes while no engine has time to look, and ends runs that take too long.
void Batcher::watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    watched_ = (idle_ == 0 || coresWaitedFor()) && !scheduler_.queue().empty();
    const double sleepMs = watched_ ? kLateCheckMs : running_.count() > 0 ? kRunCheckMs : kSleepMaxMs;
    late_.wait_for(lock, std::chrono::duration<double, std::milli>(sleepMs));
    for (const size_t engine : running_.takeOverdue(clock_())) runs_[engine]->end();
    auto delivery = std::make_unique<Delivery>();
    scheduler_.queue().late(clock_(), windowMax(options_), delivery->dropped);
    hurryCores();
    if (stopping_ || delivery->dropped.empty()) continue;
    for (Request* request : delivery->dropped) leave(request);
    counters_.shed += delivery->dropped.size();
    lock.unlock();
    handOver(std::move(delivery));
    lock.lock();
  }
}

// Moves the next batch of an idle engine into the delivery. Answers whether there is one to run now; `startAtMs` says
// when to look again otherwise.
bool Batcher::takeBatch(size_t engine, Delivery& delivery, double& startAtMs) {
  const double nowMs = clock_();
  Scheduler::Next next{delivery.members, delivery.dropped};
  scheduler_.next(nowMs, running_.count(), running_.yielding(), next);
  startAtMs = next.startAtMs;
  for (const Request* dropped : delivery.dropped) forget(*dropped);
  counters_.shed += delivery.dropped.size();
  if (delivery.members.empty()) return false;
  for (const Request* member : delivery.members) {
    forget(*member);
    counters_.queueNs += (nowMs - member->arrivalMs) * kNsPerMs;
  }
  delivery.rows = next.rows;
  delivery.paddedRows = next.paddedRows;
  delivery.times.takenMs = nowMs;
  if (running_.asked(engine)) runs_[engine]->renew();
  running_.begin(engine, delivery.members, nowMs, next.expectedMs);
  return true;
}

// Answers the batch that has run; null when it was delivered already, request by request, because it failed as a whole.
std::unique_ptr<Delivery> Batcher::runBatch(size_t engine, BatchRun& run, std::unique_ptr<Delivery> delivery) {
  run.run(*delivery);
  if (delivery->error.empty()) {
    recheck_.keep(*delivery);
    return delivery;
  }
  const bool split = !delivery->whole();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    judge(engine, *delivery);
    if (delivery->misfit && misfit_.empty()) {
      misfit_ = delivery->error;
      scheduler_.batchNothing();
    }
  }
  if (!split) return delivery;
  runAlone(engine, run, *delivery);
  delivery->members.clear();
  delivery->dropped.clear();
  finish(std::move(delivery), false, clock_());
  return nullptr;
}

// One request's bad value can fail the whole batch; run alone, only that request fails. An output without the batch's
// rows can be given to nobody; run alone, all of it is the request's.
void Batcher::runAlone(size_t engine, BatchRun& run, const Delivery& failed) {
  for (size_t i = 0; i < failed.members.size(); i++) {
    std::unique_ptr<Delivery> alone = blankDelivery();
    alone->members.push_back(failed.members[i]);
    if (i == 0) alone->dropped = failed.dropped;
    alone->rows = failed.members[i]->rows;
    alone->paddedRows = alone->rows;
    alone->times.takenMs = clock_();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (running_.asked(engine)) runs_[engine]->renew();
      running_.restart(engine, alone->members, alone->times.takenMs);
    }
    run.run(*alone);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!alone->error.empty()) judge(engine, *alone);
      account(engine, *alone);
      if (i + 1 == failed.members.size()) running_.end(engine);
    }
    handOver(std::move(alone));
  }
}

// Under the lock: a run that failed because it was asked to end says so, and the engine may run again.
void Batcher::judge(size_t engine, Delivery& delivery) {
  if (!running_.asked(engine)) return;
  const double tookMs = delivery.times.copiedOutMs - delivery.times.takenMs;
  delivery.overdue = true;
  delivery.error = "the run was ended after " + std::to_string(std::lround(tookMs)) + " ms, it was given " +
                   std::to_string(std::lround(running_.allowedMs(engine))) + " ms";
  counters_.overdue++;
}

void Batcher::account(size_t engine, const Delivery& delivery) {
  const BatchTimes& times = delivery.times;
  const double busyMs = times.copiedOutMs - times.takenMs;
  counters_.batches++;
  counters_.rowsRun += static_cast<uint64_t>(delivery.rows);
  counters_.rowsPadded += static_cast<uint64_t>(delivery.paddedRows - delivery.rows);
  counters_.batchRows[static_cast<size_t>(delivery.rows)]++;
  counters_.gatherNs += (times.gatheredMs - times.takenMs) * kNsPerMs;
  counters_.copyInNs += (times.copiedInMs - times.gatheredMs) * kNsPerMs;
  counters_.runNs += (times.ranMs - times.copiedInMs) * kNsPerMs;
  counters_.copyOutNs += (times.copiedOutMs - times.ranMs) * kNsPerMs;
  counters_.busyNs += busyMs * kNsPerMs;
  if (delivery.direct) counters_.directBatches++;
  if (!delivery.error.empty()) {
    counters_.failed += delivery.members.size();
    return;
  }
  // What was sent in place of a default may change how long a run takes: it teaches nothing of everybody else's.
  if (!model_->batchable() || !delivery.members.front()->ownForm()) {
    scheduler_.ran(delivery.paddedRows, running_.othersOf(engine), busyMs, times.copiedOutMs);
  }
  for (const Request* member : delivery.members) {
    if (times.copiedOutMs <= member->deadlineMs) continue;
    counters_.lateRows += static_cast<uint64_t>(member->rows);
    counters_.lateNs += busyMs * kNsPerMs * member->rows / delivery.rows;
  }
}

void Batcher::finish(std::unique_ptr<Delivery> delivery, bool keepSlab, double deliveredMs) {
  for (const EngineBuffer& output : delivery->outputs) {
    if (output.owner != nullptr) model_->release(output.owner);
  }
  if (delivery->slab != kNoSlab && !keepSlab) arena_.giveBack(delivery->slab);
  {
    std::lock_guard<std::mutex> lock(poolMutex_);
    pool_.insert(pool_.end(), delivery->members.begin(), delivery->members.end());
    pool_.insert(pool_.end(), delivery->dropped.begin(), delivery->dropped.end());
  }
  if (!delivery->members.empty()) {
    std::lock_guard<std::mutex> lock(mutex_);
    const double deliveryMs = deliveredMs - delivery->times.copiedOutMs;
    counters_.scatterNs += deliveryMs * kNsPerMs;
    if (delivery->error.empty()) scheduler_.delivered(deliveryMs);
  }
  recycle(std::move(delivery));
}

void Batcher::shut() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  if (cores_ != nullptr) cores_->lookAgain();
  work_.notify_all();
  late_.notify_all();
  dropQueued();
}

void Batcher::stop(bool hurry) {
  shut();
  if (hurry) model_->terminate();
  std::lock_guard<std::mutex> stopping(stopMutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Batcher::dropQueued() {
  for (;;) {
    auto delivery = std::make_unique<Delivery>();
    delivery->stopped = true;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      scheduler_.queue().front(clock_(), windowMax(options_), delivery->dropped);
      for (Request* request : delivery->dropped) leave(request);
    }
    if (delivery->dropped.empty()) return;
    handOver(std::move(delivery));
  }
}

}  // namespace cb
