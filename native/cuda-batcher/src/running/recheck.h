// Requests that shared a batch are now and then run again alone, when an engine has nothing else to do, and both answers
// are compared (decision 0035).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "running/delivery.h"
#include "running/model.h"

namespace cb {

// Bytes of a request and its answer that a batcher keeps in order to run it again; larger ones are not.
constexpr size_t kRecheckBytesMax = size_t{8} << 20;
// Requests that are kept in a second, at most.
constexpr double kRechecksPerSecondMax = 10;
// Share of the time of one engine that running them again may take, copies included.
constexpr double kRecheckShareMax = 0.005;

// A request that had company and what it was answered, in memory of their own.
struct KeptRequest {
  Request request;
  std::vector<EngineBuffer> outputs;
  std::vector<std::unique_ptr<uint8_t[]>> memory;
  double tookMs = 0;  // to keep it
};

class Recheck {
 public:
  using Clock = double (*)();
  // `tolerance`: largest difference, relative to the largest magnitude of an output where that is above 1; below 0:
  // nothing is kept. `proven`: the graph says that rows keep apart. Then one answer in many may differ because a
  // comparison or a rounding met sums of another order (decision 0026), and two of the last `kRecheckWindow` decide.
  Recheck(const Model& model, Clock clock, double tolerance, bool proven);

  // Engine threads, after a batch has run: keeps one of its requests, when it is time to.
  void keep(const Delivery& batch);
  // Whether a request waits to be run again.
  bool waits();
  // The request that waits to be run again; null: none does.
  std::unique_ptr<KeptRequest> take();

  // How two answers to one request differ beyond the tolerance, as a sentence; empty: they do not. A request with NaN in
  // it is never said to differ: what the engine makes of that depends on where in memory it lies.
  std::string difference(const Request& request, const std::vector<EngineBuffer>& kept,
                         const std::vector<EngineBuffer>& alone) const;

  // What came of a request that was taken. Answers whether batching must end.
  bool judged(bool differs, double tookMs);

 private:
  std::unique_ptr<KeptRequest> copyOf(const Delivery& batch, const Request& member, size_t firstRow) const;

  const Model& model_;
  const Clock clock_;
  const double tolerance_;
  const bool proven_;
  std::atomic<double> nextAtMs_;

  std::mutex mutex_;
  std::unique_ptr<KeptRequest> kept_;
  bool underWay_ = false;
  size_t turn_ = 0;
  uint64_t checks_ = 0;
  uint64_t differedAt_ = 0;  // the number of the last check that differed; 0: none did
};

}  // namespace cb
