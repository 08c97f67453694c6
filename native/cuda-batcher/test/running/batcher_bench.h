// A batcher over the fake engine, and a clock that tests set forward.
#pragma once

#include "running/batcher.h"

#include <atomic>
#include <chrono>
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
  std::unique_ptr<Batcher> batcher;

  explicit Bench(BatcherOptions options) {
    std::string error;
    model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    if (options.queueRowsMax == 0) options.queueRowsMax = 1000;
    options.queueBytesMax = 1 << 20;
    options.ageingMs = 1000;
    memory.reserve(1000);
    batcher = std::make_unique<Batcher>(model, options, steadyMs,
                                        [this](std::unique_ptr<Delivery> d) { receive(std::move(d)); });
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
        Outcome& outcome = outcomes[member->ticket];
        outcome.served = delivery->error.empty();
        outcome.error = delivery->error;
        outcome.overdue = delivery->overdue;
        outcome.batchRows = delivery->rows;
        const size_t count = static_cast<size_t>(member->rows) * kFakeWidth;
        if (outcome.served) {
          const float* y = static_cast<const float*>(delivery->outputs[0].data) + row;
          outcome.rows.assign(y, y + count);
        }
        row += count;
      }
      for (const Request* dropped : delivery->dropped) {
        outcomes[dropped->ticket].dropped = true;
        outcomes[dropped->ticket].stopped = delivery->stopped;
      }
    }
    batcher->finish(std::move(delivery), false, steadyMs());
    changed.notify_all();
  }

  Submitted submit(uint32_t ticket, float value, double timeoutMs = kNoDeadline, int32_t rows = 1) {
    memory.emplace_back(static_cast<size_t>(rows) * kFakeWidth, value);
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = rows;
    request->maxBatch = batcher->options().maxBatch;
    request->inputs = {{reinterpret_cast<const uint8_t*>(memory.back().data()), memory.back().size() * sizeof(float)}};
    request->bytes = request->inputs[0].bytes;
    request->dims.clear();
    request->arrivalMs = steadyMs();
    request->deadlineMs = request->arrivalMs + timeoutMs;
    const Submitted submitted = batcher->submit(request);
    if (submitted != Submitted::kAccepted) batcher->recycle(request);
    return submitted;
  }

  // A request that sends the fake engine's optional input.
  Submitted submitAdding(uint32_t ticket, float value, float add, int32_t rows = 1) {
    memory.emplace_back(static_cast<size_t>(rows) * kFakeWidth, value);
    const std::vector<float>& x = memory.back();
    memory.emplace_back(1, add);
    const auto bytes = [](const std::vector<float>& of) { return reinterpret_cast<const uint8_t*>(of.data()); };
    Request* request = batcher->blank();
    request->ticket = ticket;
    request->rows = rows;
    request->maxBatch = batcher->options().maxBatch;
    request->inputs = {{bytes(x), x.size() * sizeof(float)}, {bytes(memory.back()), sizeof(float)}};
    request->bytes = request->inputs[0].bytes + request->inputs[1].bytes;
    request->dims = {rows, static_cast<int64_t>(kFakeWidth)};
    request->ranks = {2, 0};
    request->optionals = {0};
    request->arrivalMs = steadyMs();
    request->deadlineMs = kNoDeadline;
    return batcher->submit(request);
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
