#include "measuring/feed.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;

// Rows of the requests in flight, by ticket; a ticket is free again once its delivery was seen.
class Rows {
 public:
  Rows(const Model& model, const FeedOptions& load) : stride_(model.inputs().size()) {
    const size_t count = static_cast<size_t>(load.inFlight);
    bytes_.resize(count * stride_);
    const int64_t* dims = load.dims.empty() ? nullptr : load.dims.data();
    for (size_t i = 0; i < stride_; i++) {
      const Tensor& tensor = model.inputs()[i];
      const size_t rowBytes = bytesOf(model, tensor, dims);
      if (dims != nullptr) dims += tensor.dims.size();
      for (size_t ticket = 0; ticket < count; ticket++) {
        std::vector<uint8_t>& row = bytes_[ticket * stride_ + i];
        if (load.row.empty()) row.resize(rowBytes);
        else row = load.row[i];
      }
    }
    for (size_t ticket = count; ticket-- > 0;) free_.push_back(static_cast<uint32_t>(ticket));
  }

  uint32_t take() {
    const uint32_t ticket = free_.back();
    free_.pop_back();
    return ticket;
  }
  void giveBack(uint32_t ticket) { free_.push_back(ticket); }
  size_t free() const { return free_.size(); }

  void fill(Request& request) const {
    request.bytes = 0;
    request.inputs.resize(stride_);
    for (size_t i = 0; i < stride_; i++) {
      const std::vector<uint8_t>& row = bytes_[request.ticket * stride_ + i];
      request.inputs[i] = {row.data(), row.size()};
      request.bytes += row.size();
    }
  }

 private:
  static size_t bytesOf(const Model& model, const Tensor& tensor, const int64_t* dims) {
    size_t bytes = elementBytes(tensor.dtype);
    for (size_t d = model.batchable() ? 1 : 0; d < tensor.dims.size(); d++) {
      bytes *= static_cast<size_t>(std::max<int64_t>(dims != nullptr ? dims[d] : tensor.dims[d], 0));
    }
    return bytes;
  }

  size_t stride_;
  std::vector<std::vector<uint8_t>> bytes_;
  std::vector<uint32_t> free_;
};

// What engine threads leave for the feeding thread.
struct Returned {
  std::mutex mutex;
  std::condition_variable some;
  std::vector<uint32_t> tickets;
  std::string error;
};

void receive(Batcher& batcher, Returned& returned, std::unique_ptr<Delivery> delivery, double nowMs) {
  {
    std::lock_guard<std::mutex> lock(returned.mutex);
    for (const Request* member : delivery->members) returned.tickets.push_back(member->ticket);
    for (const Request* dropped : delivery->dropped) returned.tickets.push_back(dropped->ticket);
    if (!delivery->error.empty()) returned.error = delivery->error;
  }
  batcher.finish(std::move(delivery), false, nowMs);
  returned.some.notify_one();
}

}  // namespace

Fed feed(const std::shared_ptr<Model>& model, const BatcherOptions& options, const FeedOptions& load,
         Batcher::Clock clock) {
  Fed fed;
  Rows rows(*model, load);
  Returned returned;
  Batcher* target = nullptr;
  Batcher batcher(model, options, clock, [&](std::unique_ptr<Delivery> delivery) {
    receive(*target, returned, std::move(delivery), clock());
  });
  target = &batcher;
  std::vector<uint32_t> tickets;
  Counters before;
  bool counting = false;
  const double countFromMs = clock() + load.warmUpMs;
  double startMs = countFromMs;
  for (;;) {
    const double nowMs = clock();
    if (!counting && nowMs >= countFromMs) {
      counting = true;
      before = batcher.counters();
      startMs = nowMs;
    }
    if (counting && nowMs - startMs >= load.durationMs) break;
    while (rows.free() > 0 && fed.error.empty()) {
      Request* request = batcher.blank();
      request->ticket = rows.take();
      request->rows = 1;
      request->lane = 0;
      request->maxBatch = options.maxBatch;
      request->dims = load.dims;
      request->shapeKey = 0;
      request->arrivalMs = nowMs;
      request->deadlineMs = kNoDeadline;
      rows.fill(*request);
      if (batcher.submit(request) == Submitted::kAccepted) continue;
      rows.giveBack(request->ticket);
      batcher.recycle(request);
      fed.error = "the queue is too short for what should be in flight";
    }
    batcher.wake();
    {
      std::unique_lock<std::mutex> lock(returned.mutex);
      returned.some.wait_for(lock, std::chrono::milliseconds(100), [&] { return !returned.tickets.empty(); });
      tickets.swap(returned.tickets);
      if (!returned.error.empty()) fed.error = returned.error;
    }
    for (const uint32_t ticket : tickets) rows.giveBack(ticket);
    tickets.clear();
    if (!fed.error.empty()) break;
  }
  const Counters after = batcher.counters();
  fed.elapsedMs = clock() - startMs;
  fed.items = after.rowsRun - before.rowsRun;
  fed.batches = after.batches - before.batches;
  fed.engineMs = (after.runNs - before.runNs) / kNsPerMs;
  batcher.stop(false);
  return fed;
}

}  // namespace cb
