// A batcher runs requests that had company again alone: see Recheck.
#include "running/batcher.h"

namespace cb {

// Under the lock, which is given up meanwhile: an engine has nothing to run. Answers whether it has run something again.
bool Batcher::runAgain(std::unique_lock<std::mutex>& lock, size_t engine, BatchRun& run) {
  const std::unique_ptr<KeptRequest> kept = recheck_.take();
  if (kept == nullptr) return false;
  const double startMs = clock_();
  if (running_.asked(engine)) runs_[engine]->renew();
  const double expectedMs = scheduler_.latencyMs()[static_cast<size_t>(kept->request.rows)];
  running_.begin(engine, {&kept->request}, startMs, expectedMs);
  lock.unlock();
  const std::string difference = differenceAlone(*kept, run);
  lock.lock();
  running_.end(engine);
  counters_.rechecked++;
  if (!difference.empty()) counters_.recheckDiffered++;
  if (!recheck_.judged(!difference.empty(), kept->tookMs + clock_() - startMs) || !misfit_.empty()) return true;
  misfit_ = "rows changed each other's answers: " + difference;
  scheduler_.batchNothing();
  return true;
}

// How a request is answered otherwise alone than it was in company. One that fails alone, or is answered otherwise each
// time, says nothing of its company.
std::string Batcher::differenceAlone(KeptRequest& kept, BatchRun& run) {
  std::unique_ptr<Delivery> alone = runKept(kept, run);
  std::string difference;
  if (alone->error.empty()) difference = recheck_.difference(kept.request, kept.outputs, alone->outputs);
  if (!difference.empty()) {
    std::unique_ptr<Delivery> again = runKept(kept, run);
    const bool steady =
        again->error.empty() && recheck_.difference(kept.request, again->outputs, alone->outputs).empty();
    if (!steady) difference.clear();
    discard(std::move(again));
  }
  discard(std::move(alone));
  return difference;
}

std::unique_ptr<Delivery> Batcher::runKept(KeptRequest& kept, BatchRun& run) {
  std::unique_ptr<Delivery> alone = blankDelivery();
  alone->members.push_back(&kept.request);
  alone->rows = kept.request.rows;
  alone->paddedRows = kept.request.rows;
  alone->times.takenMs = clock_();
  run.run(*alone);
  return alone;
}

// As `finish`, for a delivery whose members are not of the pool.
void Batcher::discard(std::unique_ptr<Delivery> delivery) {
  for (const EngineBuffer& output : delivery->outputs) {
    if (output.owner != nullptr) model_->release(output.owner);
  }
  if (delivery->slab != kNoSlab) arena_.giveBack(delivery->slab);
  recycle(std::move(delivery));
}

}  // namespace cb
