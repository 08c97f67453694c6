#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"
#include "running/batcher.h"
#include "fake_engine.h"

using namespace cb;

namespace {

constexpr int kProducers = 3;
constexpr int kEngines = 3;
constexpr uint32_t kRequestsEach = 20000;

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Every request is seen exactly once: served with its own row, shed, cancelled or refused.
struct Tally {
  std::vector<std::atomic<int>> seen;
  std::atomic<int64_t> wrong{0};
  explicit Tally(size_t count) : seen(count) {}
};

}  // namespace

TEST("many producers and engines lose nothing, double nothing and mix no rows") {
  std::string error;
  std::shared_ptr<Model> model = Model::load(fakeEngine(), {}, error);
  BatcherOptions options;
  options.instances = kEngines;
  options.maxBatch = 16;
  options.queueRowsMax = 500;
  options.queueBytesMax = 1 << 20;
  options.lanes = 3;
  options.ageingMs = 1;
  const uint32_t total = kProducers * kRequestsEach;
  Tally tally(total);
  std::vector<float> rows(static_cast<size_t>(total) * kFakeWidth);
  Batcher* target = nullptr;
  std::unique_ptr<Batcher> batcher =
      std::make_unique<Batcher>(model, options, steadyMs, [&](std::unique_ptr<Delivery> d) {
        size_t row = 0;
        for (const Request* member : d->members) {
          tally.seen[member->ticket]++;
          const float* y = static_cast<const float*>(d->outputs[0].data) + row * kFakeWidth;
          for (size_t i = 0; i < kFakeWidth; i++) {
            if (y[i] != static_cast<float>(member->ticket) + 1) tally.wrong++;
          }
          row += static_cast<size_t>(member->rows);
        }
        for (const Request* dropped : d->dropped) tally.seen[dropped->ticket]++;
        target->finish(std::move(d), false, steadyMs());
      });
  target = batcher.get();
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; p++) {
    producers.emplace_back([&, p] {
      for (uint32_t i = 0; i < kRequestsEach; i++) {
        const uint32_t ticket = static_cast<uint32_t>(p) * kRequestsEach + i;
        float* row = rows.data() + static_cast<size_t>(ticket) * kFakeWidth;
        for (size_t c = 0; c < kFakeWidth; c++) row[c] = static_cast<float>(ticket);
        Request* request = target->blank();
        request->ticket = ticket;
        request->rows = 1;
        request->lane = static_cast<int32_t>(i % 3);
        request->maxBatch = 16;
        request->inputs = {{reinterpret_cast<const uint8_t*>(row), kFakeWidth * sizeof(float)}};
        request->bytes = kFakeWidth * sizeof(float);
        request->dims.clear();
        request->arrivalMs = steadyMs();
        request->deadlineMs = i % 5 == 0 ? request->arrivalMs + 1 : kNoDeadline;
        if (target->submit(request) != Submitted::kAccepted) {
          target->recycle(request);
          tally.seen[ticket]++;
          std::this_thread::yield();
        }
        if (i % 4 == 0) target->wake();
        if (i % 50 == 49) {
          Request* cancelled = target->cancel(ticket - 10);
          if (cancelled != nullptr) {
            tally.seen[ticket - 10]++;
            target->recycle(cancelled);
          }
        }
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  batcher->stop(false);
  int64_t lost = 0;
  for (const std::atomic<int>& seen : tally.seen) lost += seen != 1;
  CHECK(lost == 0);
  CHECK(tally.wrong == 0);
  CHECK(batcher->arena().taken() == 0);
  batcher.reset();
}

MAIN_OF_TESTS
