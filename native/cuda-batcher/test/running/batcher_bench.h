// A batcher over the fake engine, and the clocks of tests: one that they set forward, unless they give another.
#pragma once

#include "running/batcher.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>

#include "check.h"
#include "fake_engine.h"

using namespace cb;

// By which a test sets the clock forward, ms.
inline std::atomic<double>& leapMs() {
  static std::atomic<double> ms{0};
  return ms;
}

inline double steadyMs() {
  return leapMs() + std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Outcome {
  bool served = false;
  bool dropped = false;
  bool stopped = false;
  std::string error;
  bool overdue = false;
  int32_t batchRows = 0;
  int64_t firstDim = 0;  // of the output that `rows` are from
  std::vector<float> rows;
};

// A batcher over the fake engine whose outcomes are kept by ticket.
struct Bench {
  std::shared_ptr<Model> model;
  EngineModel* fake;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint32_t, Outcome> outcomes;
  std::vector<std::vector<float>> memory;
  Batcher::Clock clock;
  std::unique_ptr<Batcher> batcher;

  explicit Bench(BatcherOptions options, Batcher::Clock clockOf = steadyMs, std::unique_ptr<CoreClaim> cores = nullptr)
      : clock(clockOf) {
    std::string error;
    model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    if (options.queueRowsMax == 0) options.queueRowsMax = 1000;
    if (options.queueBytesMax == 0) options.queueBytesMax = 1 << 20;
    options.ageingMs = 1000;
    memory.reserve(1000);
    batcher = std::make_unique<Batcher>(
        model, options, clock, [this](std::unique_ptr<Delivery> d) { receive(std::move(d)); }, nullptr, std::move(cores));
  }
  ~Bench() {
    hold(*fake, false);
    batcher->stop(false);
  }

  void receive(std::unique_ptr<Delivery> delivery) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      size_t row = 0;
      for (const Request* member : delivery->members) {
        const size_t count = static_cast<size_t>(member->rows) * kFakeWidth;
        // A piece is no answer: its request comes as a member of its own once all of them ran.
        if (member->cut == nullptr) keep(*delivery, outcomes[member->ticket], row, count);
        row += count;
      }
      for (const Request* dropped : delivery->dropped) {
        outcomes[dropped->ticket].dropped = true;
        outcomes[dropped->ticket].stopped = delivery->stopped;
      }
    }
    batcher->finish(std::move(delivery), false, clock());
    changed.notify_all();
  }

  // `count` numbers of a delivery from the one at `at` on, as one member's outcome.
  static void keep(const Delivery& delivery, Outcome& outcome, size_t at, size_t count) {
    outcome.served = delivery.error.empty();
    outcome.error = delivery.error;
    outcome.overdue = delivery.overdue;
    outcome.batchRows = delivery.rows;
    if (!outcome.served) return;
    const float* y = static_cast<const float*>(delivery.outputs[0].data) + at;
    outcome.rows.assign(y, y + count);
    outcome.firstDim = delivery.outputs[0].dims[0];
  }

  // A request for these rows, not submitted yet.
  Request* request(uint32_t ticket, std::vector<float> rows, double timeoutMs = kNoDeadline) {
    memory.push_back(std::move(rows));
    const std::vector<float>& x = memory.back();
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = static_cast<int32_t>(x.size() / kFakeWidth);
    request->maxBatch = batcher->options().maxBatch;
    request->inputs = {{reinterpret_cast<const uint8_t*>(x.data()), x.size() * sizeof(float)}};
    request->bytes = request->inputs[0].bytes;
    request->dims.clear();
    request->arrivalMs = clock();
    request->deadlineMs = request->arrivalMs + timeoutMs;
    return request;
  }

  Submitted submit(Request* request) {
    const Submitted submitted = batcher->submit(request);
    if (submitted != Submitted::kAccepted) batcher->recycle(request);
    return submitted;
  }

  Submitted submit(uint32_t ticket, float value, double timeoutMs = kNoDeadline, int32_t rows = 1) {
    return submit(request(ticket, std::vector<float>(static_cast<size_t>(rows) * kFakeWidth, value), timeoutMs));
  }

  // A request whose rows are told apart: the first is of `first`, each of one more than the row before. Wakes an engine.
  Submitted submitApart(uint32_t ticket, int32_t rows, float first, double timeoutMs = kNoDeadline, bool alone = false) {
    std::vector<float> values;
    for (int32_t row = 0; row < rows; row++) values.insert(values.end(), kFakeWidth, first + static_cast<float>(row));
    Request* apart = request(ticket, std::move(values), timeoutMs);
    apart->alone = alone;
    apart->maxBatch = alone ? rows : std::max(batcher->options().maxBatch, rows);
    const Submitted submitted = submit(apart);
    batcher->wake();
    return submitted;
  }

  // A request that sends the fake engine's optional input.
  Submitted submitAdding(uint32_t ticket, float value, float add, int32_t rows = 1) {
    Request* adding = request(ticket, std::vector<float>(static_cast<size_t>(rows) * kFakeWidth, value));
    memory.emplace_back(1, add);
    adding->inputs.push_back({reinterpret_cast<const uint8_t*>(memory.back().data()), sizeof(float)});
    adding->bytes += sizeof(float);
    adding->dims = {rows, static_cast<int64_t>(kFakeWidth)};
    adding->ranks = {2, 0};
    adding->optionals = {0};
    return submit(adding);
  }

  Outcome await(uint32_t ticket) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return outcomes.count(ticket) > 0; });
    return outcomes[ticket];
  }
};

inline BatcherOptions options(int32_t instances, int32_t maxBatch) {
  BatcherOptions o;
  o.instances = instances;
  o.maxBatch = maxBatch;
  return o;
}
