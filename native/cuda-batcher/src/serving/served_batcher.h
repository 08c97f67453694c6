// A batcher as the links of this process see it: queries in, answers out, and the figures of what passed.
// JavaScript submits to the same batcher; a batch may hold queries of both.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "running/batcher.h"
#include "frames/frame.h"
#include "running/shape_keys.h"
#include "serving/frontend_connection.h"
#include "serving/query.h"

namespace cb::link {

// One batch of which at least one query came from a link.
struct BatchSample {
  double atMs = 0;
  double runMs = 0;
  int32_t rows = 0;
};

// One sampled query that was answered: what its spans are made of.
struct TraceSample {
  wire::TraceContext trace;
  double atMs = 0;  // when it was answered
  int32_t rows = 0;
  uint32_t batch = 0;  // equal for sampled queries of one batch
  wire::AnswerHeader header;
};

// What links did with a batcher since the figures were last taken.
struct Figures {
  uint64_t servedRows = 0;
  uint64_t refused = 0;
  std::vector<BatchSample> batches;  // the latest kSamplesMax
  std::vector<TraceSample> traces;   // the first kTracesMax
  uint64_t tracesLost = 0;           // those that came after them
};

class Served : public std::enable_shared_from_this<Served> {
 public:
  // Once watched, `onIdle` is called whenever nothing is in flight any more, on whatever thread saw it.
  Served(std::shared_ptr<Batcher> batcher, std::shared_ptr<ShapeKeys> shapes, std::function<void()> onIdle);

  // Any thread. What is in flight goes on with the names it began with.
  void describe(Signature signature);

  // A query between these two is in flight.
  void enter();
  void leave();
  int64_t inFlight() const { return inFlight_.load(); }
  void watch() { watched_ = true; }

  // I/O thread. Runs a query that entered; false: JavaScript must judge it, and it has left. The caller wakes
  // the batcher.
  bool run(const std::shared_ptr<Connection>& connection, wire::Frame& frame, const wire::InferHead& head,
           double receivedMs);
  // Takes a query back that nobody waits for any more.
  void cancel(uint32_t ticket);

  // Any thread: refuses a query whose id is awaited no more.
  void refuse(Connection& connection, uint32_t id, uint8_t code, const std::string& message);

  // Engine thread: answers what came from links. What is left for JavaScript comes back; null: nothing.
  std::unique_ptr<Delivery> deliver(std::unique_ptr<Delivery> delivery);

  Batcher& batcher() { return *batcher_; }
  double nowMs() const { return batcher_->nowMs(); }
  double usedMs() const { return usedMs_.load(); }  // on that clock; 0: never
  Figures takeFigures();

 private:
  struct Batch;
  wire::Load load(const HostLoad& host);
  void dropOwn(Delivery& delivery);
  void settle(Batch& batch, Request* member, size_t firstRow);
  void answer(Batch& batch, Query& query, const Request& request, size_t firstRow);
  void refuseDropped(Request* request, bool stopped);
  bool claim(const Request& request);
  std::unique_ptr<Query> release(Request* request);
  uint32_t takeTicket();
  void count(const Delivery& delivery, int64_t ownRows, double nowMs);
  void keepTraces(std::vector<TraceSample>& traces);

  const std::shared_ptr<Batcher> batcher_;
  const std::shared_ptr<ShapeKeys> shapes_;
  const std::function<void()> onIdle_;
  std::shared_ptr<const Signature> signature();

  std::atomic<int64_t> inFlight_{0};
  std::atomic<bool> watched_{false};
  std::atomic<double> usedMs_{0};

  std::mutex mutex_;
  std::shared_ptr<const Signature> signature_ = std::make_shared<const Signature>();
  std::vector<uint32_t> freeTickets_;
  uint32_t nextTicket_ = 1;
  Figures figures_;
  size_t oldestSample_ = 0;
  uint32_t tracedBatches_ = 0;
  double loadAtMs_ = 0;
  wire::Load load_;
};

}  // namespace cb::link
