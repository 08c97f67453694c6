#include "scheduling/scheduler.h"

#include <algorithm>

namespace cb {

namespace {

// Candidates one plan looks at: four full batches show whether the queue is being served in time.
constexpr size_t kWindowBatches = 4;
constexpr size_t kWindowMin = 64;
constexpr double kGapWeight = 0.1;
constexpr double kOfferedWeight = 0.1;  // the last ten batches, or so

constexpr double kTurnWeight = 0.1;  // of one batch, in the means of what batches wait for cores and run

// Deliveries are planned with the time that 98 of 100 do not exceed, at most so many means: what goes beyond is a machine
// that stood still, which no plan helps against.
constexpr double kDeliveryShare = 0.98;
constexpr double kDeliveryStep = 0.1;
constexpr double kDeliveryMeansMax = 4;
constexpr double kDeliveryWeight = 0.05;
constexpr double kDeliveryOutlier = 10;
// The first delivery says little: it may have met cold caches. No more of it is believed.
constexpr double kDeliveryFirstMs = 1;
// Without a batch for so long, what the last ones took no longer counts.
constexpr double kForgetMs = 1'000;

// A piece is the smallest size with this share of the best items/s: others wait for no more of it than that.
constexpr double kPieceShare = 0.9;
// Of a batch, while latencies are not known.
constexpr int32_t kPiecesPerBatch = 2;
// Whoever has asked so lately is expected to ask again.
constexpr double kLatelyMs = 250;

// Where all are of one shape and none can be late, a plan needs no more than one batch has room for.
size_t windowOf(const BatcherOptions& options, const RequestQueue& queue) {
  return queue.hasDeadlines() || queue.hasShapes() ? windowMax(options) : static_cast<size_t>(options.maxBatch);
}

}  // namespace

size_t windowMax(const BatcherOptions& options) {
  return std::max(kWindowMin, kWindowBatches * static_cast<size_t>(options.maxBatch));
}

Scheduler::Scheduler(const BatcherOptions& options)
    : options_(options),
      queue_(options.lanes, options.queueRowsMax, options.queueBytesMax, options.ageingMs),
      latency_(options.maxBatch, options.instances, options.seedMs),
      deliveryTail_(kDeliveryShare, kDeliveryStep, 1, kDeliveryMeansMax) {}

double Scheduler::answeredAtMs(double freeAtMs, int32_t rows) const {
  const int32_t batch = std::min(rows, options_.maxBatch);
  const double batches = static_cast<double>(rows) / batch / (rows > batch ? options_.instances : 1);
  return freeAtMs + latency_.meanMs()[static_cast<size_t>(batch)] * std::max(batches, 1.0) * latency_.safety() +
         deliveryMs_ * deliveryTail_.value();
}

bool Scheduler::comesTooLate(const Request& request, double freeAtMs) const {
  return request.deadlineMs <= request.arrivalMs || answeredAtMs(freeAtMs, request.rows) > request.deadlineMs;
}

int32_t Scheduler::pieceRows() const {
  if (latency_.meanMs()[static_cast<size_t>(options_.maxBatch)] <= 0) return std::max(1, options_.maxBatch / kPiecesPerBatch);
  return efficientBatch(rules(1), options_.maxBatch, kPieceShare);
}

// Whether an idle engine is kept for those who ask now and then: the last one that does not run what lets them pass. It takes
// what comes at once, and leaves a core to whoever carries it.
bool Scheduler::keepsFree(double nowMs, int32_t yielding) const {
  return nowMs - passedAtMs_ < kLatelyMs && yielding > 0 && yielding >= options_.instances - 1;
}

double Scheduler::wantedAtMs(double nowMs, int32_t yielding) const {
  if (queue_.empty()) return kNoDeadline;
  return queue_.hasUnyielding() || !keepsFree(nowMs, yielding) ? nowMs : passedAtMs_ + kLatelyMs;
}

void Scheduler::push(Request* request) {
  if (!request->yields) passedAtMs_ = request->arrivalMs;
  if (lastArrivalMs_ > 0) arrivalGapMs_ += kGapWeight * (request->arrivalMs - lastArrivalMs_ - arrivalGapMs_);
  lastArrivalMs_ = request->arrivalMs;
  queue_.push(request);
}

void Scheduler::next(double nowMs, int32_t running, int32_t yielding, Next& next) {
  if (queue_.empty()) return;
  queue_.front(nowMs, windowOf(options_, queue_), window_);
  if (keepsFree(nowMs, yielding)) {
    const auto yields = [](const Request* request) { return request->yields; };
    window_.erase(std::remove_if(window_.begin(), window_.end(), yields), window_.end());
    next.startAtMs = passedAtMs_ + kLatelyMs;
    if (window_.empty()) return;
  }
  candidates_.clear();
  for (const Request* r : window_) {
    const int32_t maxBatch = alone_ || r->ownForm() ? r->rows : r->maxBatch;
    candidates_.push_back({r->arrivalMs, r->deadlineMs, r->rows, r->lane, maxBatch, r->shapeKey});
  }
  const double slowdown = latency_.slowdown(running);
  PlanRules rules = this->rules(slowdown);
  const RequestQueue::Backlog backlog = queue_.backlog();
  int64_t shown = 0;
  for (const Candidate& c : candidates_) shown += c.lane == backlog.lane ? c.rows : 0;
  rules.hiddenRows = static_cast<int32_t>(std::min<int64_t>(backlog.rows - shown, INT32_MAX));
  rules.hiddenDeadlineMs = backlog.lastDeadlineMs;
  planBatch(nowMs, candidates_.data(), candidates_.size(), rules, plan_);
  const Request* aged = queue_.aged(nowMs);
  for (const int32_t index : plan_.drop) next.dropped.push_back(window_[static_cast<size_t>(index)]);
  for (Request* dropped : next.dropped) queue_.remove(dropped);
  next.startAtMs = plan_.startAtMs;
  if (plan_.take.empty() || plan_.startAtMs > nowMs) return;
  bool tookAged = false;
  for (const int32_t index : plan_.take) {
    Request* request = window_[static_cast<size_t>(index)];
    queue_.remove(request);
    tookAged = tookAged || request == aged;
    request->state = RequestState::kRunning;
    next.members.push_back(request);
  }
  queue_.served(plan_.rows, tookAged);
  took(nowMs);
  next.rows = plan_.rows;
  const Request& first = *next.members.front();
  next.paddedRows = first.ownForm() ? plan_.rows : plan_.paddedRows;
  next.expectedMs = latency_.meanMs()[static_cast<size_t>(next.paddedRows)] * slowdown * first.batches;
}

void Scheduler::took(double nowMs) {
  if (tookAtMs_ > 0) {
    offeredRows_ += rowsSince_ - kOfferedWeight * offeredRows_;
    offeredMs_ += nowMs - tookAtMs_ - kOfferedWeight * offeredMs_;
  }
  rowsSince_ = 0;
  tookAtMs_ = nowMs;
}

void Scheduler::gotCores(double waitedMs) { waitedMs_ += kTurnWeight * (waitedMs - waitedMs_); }

void Scheduler::ran(int32_t paddedRows, int32_t running, double latencyMs, double endedMs) {
  latency_.observe(paddedRows, running, latencyMs);
  ranMs_ += kTurnWeight * (latencyMs - ranMs_);
  ranAtMs_ = endedMs;
}

void Scheduler::idleAt(double nowMs) {
  if (ranAtMs_ == 0 || nowMs - ranAtMs_ < kForgetMs) return;
  ranAtMs_ = 0;
  latency_.forget();
  waitedMs_ = 0;
  deliveryMs_ = 0;
  deliveryTail_ = QuantileTrack(kDeliveryShare, kDeliveryStep, 1, kDeliveryMeansMax);
}

void Scheduler::delivered(double deliveryMs) {
  if (deliveryMs_ <= 0) {
    deliveryMs_ = std::min(deliveryMs, kDeliveryFirstMs);
    return;
  }
  const double means = deliveryMs / deliveryMs_;
  deliveryTail_.observe(means);
  deliveryMs_ += kDeliveryWeight * (std::min(means, kDeliveryOutlier) - 1) * deliveryMs_;
}

double Scheduler::nextRunMs() const {
  return latency_.meanMs()[static_cast<size_t>(std::min<int64_t>(queue_.rows(), options_.maxBatch))];
}

double Scheduler::latestStartMs(double nowMs) const {
  const double soonestMs = latency_.meanMs()[1] * latency_.safety();
  return queue_.firstDeadlineMs(nowMs + soonestMs) - nextRunMs() * latency_.safety();
}

double Scheduler::queuedMs(int64_t besideRows) const {
  const int64_t queued = queue_.rows() + besideRows;
  if (queued == 0) return 0;
  const int32_t best = efficientBatch(rules(1), options_.maxBatch, 1);
  const int32_t rows = static_cast<int32_t>(std::min<int64_t>(queued, best));
  return latency_.meanMs()[static_cast<size_t>(rows)] * static_cast<double>(queued) / rows;
}

PlanRules Scheduler::rules(double slowdown) const {
  PlanRules rules{};
  rules.maxBatch = options_.maxBatch;
  rules.engines = options_.instances;
  rules.maxQueueDelayMs = options_.maxQueueDelayMs;
  rules.arrivalGapMs = arrivalGapMs_;
  rules.offeredPerMs = offeredMs_ > 0 ? offeredRows_ / offeredMs_ : 0;
  rules.latencyMs = latency_.meanMs().data();
  rules.slowdown = slowdown;
  rules.safety = latency_.safety();
  rules.deliveryMs = deliveryMs_ * deliveryTail_.value();
  rules.runShare = waitedMs_ > 0 && ranMs_ > 0 ? ranMs_ / (ranMs_ + waitedMs_) : 1;
  rules.sizes = options_.sizes.data();
  rules.sizeCount = options_.sizes.size();
  rules.closeAt = options_.closeAt.data();
  rules.closeAtCount = options_.closeAt.size();
  return rules;
}

}  // namespace cb
