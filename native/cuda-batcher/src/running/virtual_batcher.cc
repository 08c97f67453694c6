#include "running/virtual_batcher.h"

namespace cb {

VirtualBatcher::VirtualBatcher(const BatcherOptions& options)
    : options_(options),
      scheduler_(options),
      running_(static_cast<size_t>(options.instances)),
      engines_(static_cast<size_t>(options.instances)) {}

VirtualBatcher::Admission VirtualBatcher::submit(uint32_t id, double nowMs, int32_t rows, double deadlineMs,
                                                 int32_t lane) {
  auto request = std::make_unique<Request>();
  request->ticket = id;
  request->rows = rows;
  request->lane = lane;
  request->maxBatch = options_.maxBatch;
  request->arrivalMs = nowMs;
  request->deadlineMs = deadlineMs;
  scheduler_.offered(rows);
  if (running_.count() == 0) scheduler_.idleAt(nowMs);
  if (scheduler_.comesTooLate(*request, running_.freeAtMs(nowMs))) return Admission::kLate;
  if (!scheduler_.queue().hasRoom(rows, 0)) return Admission::kFull;
  scheduler_.push(request.get());
  waiting_[id] = std::move(request);
  return Admission::kAccepted;
}

bool VirtualBatcher::cancel(uint32_t id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return false;
  scheduler_.queue().remove(found->second.get());
  waiting_.erase(found);
  return true;
}

VirtualBatcher::Begun VirtualBatcher::begin(double nowMs) {
  Begun begun;
  size_t engine = 0;
  while (engine < engines_.size() && engines_[engine].busy) engine++;
  if (engine == engines_.size()) return begun;
  std::vector<Request*> members;
  std::vector<Request*> dropped;
  Scheduler::Next next{members, dropped};
  scheduler_.next(nowMs, running_.count(), running_.yielding(), next);
  begun.startAtMs = next.startAtMs;
  begun.rows = next.rows;
  begun.paddedRows = next.paddedRows;
  if (!members.empty()) {
    begun.engine = static_cast<int32_t>(engine);
    running_.begin(engine, members, nowMs, next.expectedMs);
    engines_[engine] = {true, nowMs, next.paddedRows};
  }
  begun.members = release(members);
  begun.dropped = release(dropped);
  return begun;
}

void VirtualBatcher::ended(int32_t engine, double nowMs) {
  const auto index = static_cast<size_t>(engine);
  Engine& batch = engines_.at(index);
  scheduler_.ran(batch.paddedRows, running_.othersOf(index), nowMs - batch.takenMs, nowMs);
  scheduler_.delivered(0);
  running_.end(index);
  batch.busy = false;
}

std::vector<uint32_t> VirtualBatcher::late(double nowMs) {
  std::vector<Request*> late;
  scheduler_.queue().late(nowMs, windowMax(options_), late);
  for (Request* request : late) scheduler_.queue().remove(request);
  return release(late);
}

double VirtualBatcher::drainTimeMs(double nowMs) const {
  return (running_.leftMs(nowMs) + scheduler_.queuedMs(0)) / options_.instances;
}

std::vector<uint32_t> VirtualBatcher::release(const std::vector<Request*>& requests) {
  std::vector<uint32_t> ids;
  for (const Request* request : requests) {
    ids.push_back(request->ticket);
    waiting_.erase(ids.back());
  }
  return ids;
}

}  // namespace cb
