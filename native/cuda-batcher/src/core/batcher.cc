#include "core/batcher.h"

#include <algorithm>
#include <chrono>

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;
// Candidates one plan looks at: four full batches show whether the queue is being served in time.
constexpr size_t kWindowBatches = 4;
constexpr size_t kWindowMin = 64;
// Slabs beyond one per engine thread, at least: one being delivered, one lent. More while they are small, because fast
// models finish several batches before JavaScript has looked at the first.
constexpr size_t kSpareSlabsMin = 2;
constexpr size_t kSpareSlabsMax = 16;
constexpr size_t kSpareBytesMax = size_t{8} << 20;
constexpr size_t kArenaBytesMax = size_t{1} << 30;
constexpr double kGapWeight = 0.1;
// A longest sleep, so that a missed wake-up could never become a hang.
constexpr double kSleepMaxMs = 1000;
// While every engine is busy, the queue is looked through for late requests this often: nobody is told later than this
// after its deadline, and a waiting queue costs a hundred short looks a second.
constexpr double kLateCheckMs = 10;

int32_t slabCount(const Model& model, const BatcherOptions& options) {
  const size_t bytes = outputSlabBytes(model, options.maxBatch);
  if (bytes == 0) return 0;
  const size_t spare = std::clamp(kSpareBytesMax / bytes, kSpareSlabsMin, kSpareSlabsMax);
  const size_t wanted = static_cast<size_t>(options.instances) + spare;
  return static_cast<int32_t>(std::min(wanted, kArenaBytesMax / bytes));
}

}  // namespace

size_t windowMax(const BatcherOptions& options) {
  return std::max(kWindowMin, kWindowBatches * static_cast<size_t>(options.maxBatch));
}

Batcher::Batcher(std::shared_ptr<Model> model, BatcherOptions options, Clock clock, Deliver deliver)
    : model_(std::move(model)),
      options_(std::move(options)),
      clock_(clock),
      deliver_(std::move(deliver)),
      arena_(outputSlabBytes(*model_, options_.maxBatch), slabCount(*model_, options_)),
      queue_(options_.lanes, options_.queueRowsMax, options_.queueBytesMax, options_.ageingMs),
      latency_(options_.maxBatch, options_.seedMs),
      running_(static_cast<size_t>(options_.instances)) {
  counters_.batchRows.assign(static_cast<size_t>(options_.maxBatch) + 1, 0);
  for (size_t engine = 0; engine < running_.size(); engine++) {
    threads_.emplace_back([this, engine] { work(engine); });
  }
  threads_.emplace_back([this] { dropLate(); });
}

Batcher::~Batcher() { stop(false); }

Request* Batcher::blank() {
  std::lock_guard<std::mutex> lock(poolMutex_);
  if (pool_.empty()) {
    all_.push_back(std::make_unique<Request>());
    return all_.back().get();
  }
  Request* request = pool_.back();
  pool_.pop_back();
  return request;
}

void Batcher::recycle(Request* request) {
  std::lock_guard<std::mutex> lock(poolMutex_);
  pool_.push_back(request);
}

Submitted Batcher::submit(Request* request) {
  bool full = false;
  bool unseen = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return Submitted::kClosed;
    const double nowMs = request->arrivalMs;
    if (request->deadlineMs <= nowMs || soonestAtMs(nowMs, request->rows) > request->deadlineMs) {
      counters_.refusedDeadline++;
      return Submitted::kDeadline;
    }
    if (!queue_.hasRoom(request->rows, request->bytes)) {
      counters_.refusedFull++;
      return Submitted::kFull;
    }
    if (lastArrivalMs_ > 0) arrivalGapMs_ += kGapWeight * (nowMs - lastArrivalMs_ - arrivalGapMs_);
    lastArrivalMs_ = nowMs;
    queue_.push(request);
    if (request->ticket >= queuedByTicket_.size()) queuedByTicket_.resize(request->ticket + 1, nullptr);
    queuedByTicket_[request->ticket] = request;
    counters_.requests++;
    counters_.rows += static_cast<uint64_t>(request->rows);
    full = idle_ > 0 && queue_.rows() >= options_.maxBatch;
    unseen = unwatched();
  }
  if (full) work_.notify_one();
  if (unseen) late_.notify_one();
  return Submitted::kAccepted;
}

void Batcher::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_ == 0 || queue_.empty()) return;
  }
  work_.notify_one();
}

Request* Batcher::cancel(uint32_t ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ticket >= queuedByTicket_.size() || queuedByTicket_[ticket] == nullptr) return nullptr;
  Request* request = queuedByTicket_[ticket];
  leave(request);
  counters_.cancelled++;
  return request;
}

void Batcher::leave(Request* request) {
  queue_.remove(request);
  queuedByTicket_[request->ticket] = nullptr;
}

void Batcher::work(size_t engine) {
  BatchRun run(*model_, arena_, clock_);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    auto delivery = std::make_unique<Delivery>();
    double startAtMs = kNoDeadline;
    const bool ready = takeBatch(*delivery, startAtMs);
    if (ready) {
      Running& running = running_[engine];
      running.rows = delivery->rows;
      running.untilMs = clock_() + latency_.meanMs()[static_cast<size_t>(delivery->paddedRows)];
      if (!queue_.empty() && idle_ > 0) work_.notify_one();  // the rest is for another engine
      if (unwatched()) late_.notify_one();
      lock.unlock();
      runBatch(engine, run, std::move(delivery));
      lock.lock();
    } else if (!delivery->dropped.empty()) {
      lock.unlock();
      deliver_(std::move(delivery));
      lock.lock();
    } else {
      const double sleepMs = std::clamp(startAtMs - clock_(), 0.0, kSleepMaxMs);
      idle_++;
      work_.wait_for(lock, std::chrono::duration<double, std::milli>(sleepMs));
      idle_--;
    }
  }
}

// Whether somebody waits for busy engines and dropLate() sleeps; it counts as looking from now on.
bool Batcher::unwatched() {
  if (watched_ || idle_ > 0 || queue_.empty()) return false;
  watched_ = true;
  return true;
}

// Tells those whose deadline passes while no engine has time to look.
void Batcher::dropLate() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    watched_ = idle_ == 0 && !queue_.empty();
    const double sleepMs = watched_ ? kLateCheckMs : kSleepMaxMs;
    late_.wait_for(lock, std::chrono::duration<double, std::milli>(sleepMs));
    auto delivery = std::make_unique<Delivery>();
    queue_.late(clock_(), windowMax(options_), delivery->dropped);
    if (stopping_ || delivery->dropped.empty()) continue;
    for (Request* request : delivery->dropped) leave(request);
    counters_.shed += delivery->dropped.size();
    lock.unlock();
    deliver_(std::move(delivery));
    lock.lock();
  }
}

// Plans over the front of the queue and moves the chosen ones into the delivery. Answers whether there is a batch to
// run now; `startAtMs` says when to look again otherwise.
bool Batcher::takeBatch(Delivery& delivery, double& startAtMs) {
  if (queue_.empty()) return false;
  const double nowMs = clock_();
  queue_.front(nowMs, windowMax(options_), window_);
  candidates_.clear();
  for (const Request* r : window_) {
    const int32_t maxBatch = misfit_.empty() ? r->maxBatch : r->rows;
    candidates_.push_back({r->arrivalMs, r->deadlineMs, r->rows, r->lane, maxBatch, r->shapeKey});
  }
  PlanRules rules = this->rules();
  const RequestQueue::Backlog backlog = queue_.backlog();
  int64_t shown = 0;
  for (const Candidate& c : candidates_) shown += c.lane == backlog.lane ? c.rows : 0;
  rules.hiddenRows = static_cast<int32_t>(std::min<int64_t>(backlog.rows - shown, INT32_MAX));
  rules.hiddenDeadlineMs = backlog.lastDeadlineMs;
  planBatch(nowMs, candidates_.data(), candidates_.size(), rules, plan_);
  const Request* aged = queue_.aged(nowMs);
  for (const int32_t index : plan_.drop) delivery.dropped.push_back(window_[static_cast<size_t>(index)]);
  for (Request* dropped : delivery.dropped) leave(dropped);
  counters_.shed += plan_.drop.size();
  startAtMs = plan_.startAtMs;
  if (plan_.take.empty() || plan_.startAtMs > nowMs) return false;
  bool tookAged = false;
  for (const int32_t index : plan_.take) {
    Request* request = window_[static_cast<size_t>(index)];
    leave(request);
    tookAged = tookAged || request == aged;
    request->state = RequestState::kRunning;
    delivery.members.push_back(request);
    counters_.queueNs += (nowMs - request->arrivalMs) * kNsPerMs;
  }
  queue_.served(plan_.rows, tookAged);
  delivery.rows = plan_.rows;
  delivery.paddedRows = plan_.paddedRows;
  delivery.times.takenMs = nowMs;
  return true;
}

void Batcher::runBatch(size_t engine, BatchRun& run, std::unique_ptr<Delivery> delivery) {
  run.run(*delivery);
  const bool split = !delivery->error.empty() && !delivery->whole();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (delivery->misfit && misfit_.empty()) misfit_ = delivery->error;
    if (!split) account(*delivery);
    if (!split || stopping_) running_[engine].rows = 0;
    if (split && !stopping_) running_[engine].untilMs = clock_();
  }
  if (!split) {
    deliver_(std::move(delivery));
    return;
  }
  runAlone(engine, run, *delivery);
  delivery->members.clear();
  delivery->dropped.clear();
  finish(std::move(delivery), false, clock_());
}

// One request's bad value can fail the whole batch; run alone, only that request fails. An output without the batch's
// rows can be given to nobody; run alone, all of it is the request's.
void Batcher::runAlone(size_t engine, BatchRun& run, const Delivery& failed) {
  for (size_t i = 0; i < failed.members.size(); i++) {
    auto alone = std::make_unique<Delivery>();
    alone->members.push_back(failed.members[i]);
    if (i == 0) alone->dropped = failed.dropped;
    alone->rows = failed.members[i]->rows;
    alone->paddedRows = alone->rows;
    alone->times.takenMs = clock_();
    run.run(*alone);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      account(*alone);
      if (i + 1 == failed.members.size()) running_[engine].rows = 0;
    }
    deliver_(std::move(alone));
  }
}

void Batcher::account(const Delivery& delivery) {
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
  latency_.observe(delivery.paddedRows, busyMs);
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
  if (delivery->members.empty()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  counters_.scatterNs += (deliveredMs - delivery->times.copiedOutMs) * kNsPerMs;
}

void Batcher::shut() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
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
      queue_.front(clock_(), windowMax(options_), delivery->dropped);
      for (Request* request : delivery->dropped) leave(request);
    }
    if (delivery->dropped.empty()) return;
    deliver_(std::move(delivery));
  }
}

PlanRules Batcher::rules() const {
  PlanRules rules{};
  rules.maxBatch = options_.maxBatch;
  rules.engines = options_.instances;
  rules.maxQueueDelayMs = options_.maxQueueDelayMs;
  rules.arrivalGapMs = arrivalGapMs_;
  rules.latencyMs = latency_.meanMs().data();
  rules.safety = latency_.safety();
  rules.sizes = options_.sizes.data();
  rules.sizeCount = misfit_.empty() ? options_.sizes.size() : 0;
  return rules;
}

double Batcher::engineFreeAtMs(double nowMs) const {
  double freeAtMs = kNoDeadline;
  for (const Running& running : running_) {
    freeAtMs = std::min(freeAtMs, running.rows == 0 ? nowMs : std::max(running.untilMs, nowMs));
  }
  return freeAtMs;
}

double Batcher::soonestAtMs(double nowMs, int32_t rows) const {
  return engineFreeAtMs(nowMs) + latency_.meanMs()[static_cast<size_t>(rows)] * latency_.safety();
}

double Batcher::soonestMs(int32_t rows) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const double nowMs = clock_();
  return soonestAtMs(nowMs, rows) - nowMs;
}

int64_t Batcher::queuedRows() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return queue_.rows();
}

int64_t Batcher::runningRows() const {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t rows = 0;
  for (const Running& running : running_) rows += running.rows;
  return rows;
}

double Batcher::drainTimeMs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  const double nowMs = clock_();
  double workMs = 0;
  for (const Running& running : running_) {
    if (running.rows > 0) workMs += std::max(running.untilMs - nowMs, 0.0);
  }
  const int64_t queued = queue_.rows();
  if (queued > 0) {
    const int32_t rows = static_cast<int32_t>(std::min<int64_t>(
        queued, efficientBatch(rules(), options_.maxBatch, 1)));
    workMs += latency_.meanMs()[static_cast<size_t>(rows)] * static_cast<double>(queued) / rows;
  }
  return workMs / options_.instances;
}

std::string Batcher::unbatchedReason() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return misfit_.empty() ? model_->unbatchedReason() : misfit_;
}

Counters Batcher::counters() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return counters_;
}

std::vector<double> Batcher::latencyMs() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return latency_.meanMs();
}

}  // namespace cb
