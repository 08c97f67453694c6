// Batches of the kernel module, as a batcher forms and runs them.
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>

#include "check.h"
#include "devices/host/host_device.h"
#include "engines/kernel_network.h"
#include "engines/kernels/engine.h"
#include "running/batcher.h"

using namespace cb;

namespace {

struct Answer {
  std::string error;
  bool exhausted = false;
  int32_t batchRows = 0;
  std::vector<float> scores;
};

// A batcher over the kernel module on the host device; request n asks for example n.
struct Bench {
  explicit Bench(int32_t instances) {
    ModelOptions model;
    model.device = "host";
    model.plan = network();
    BatcherOptions options;
    options.instances = instances;
    options.maxBatch = static_cast<int32_t>(kRows);
    options.queueRowsMax = static_cast<int64_t>(kRows);
    options.queueBytesMax = size_t{1} << 20;
    options.ageingMs = 1000;
    batcher = std::make_unique<Batcher>(std::shared_ptr<Model>(Model::load(kernelEngine(), model, error)), options, clock,
                                        [this](std::unique_ptr<Delivery> delivery) { receive(std::move(delivery)); });
  }
  ~Bench() { batcher->stop(false); }

  static double clock() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  void receive(std::unique_ptr<Delivery> delivery) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      for (size_t row = 0; row < delivery->members.size(); row++) {
        Answer& answer = answers[delivery->members[row]->ticket];
        answer = {delivery->error, delivery->exhausted, delivery->rows, {}};
        if (!delivery->error.empty()) continue;
        const float* scores = static_cast<const float*>(delivery->outputs[0].data) + row * kOuts;
        answer.scores.assign(scores, scores + kOuts);
      }
    }
    batcher->finish(std::move(delivery), false, clock());
    changed.notify_all();
  }

  // Asks for all examples at once.
  void askAll() {
    answers.clear();
    for (uint32_t example = 0; example < kRows; example++) {
      Request* request = batcher->blank();
      request->ticket = example;
      request->rows = 1;
      request->maxBatch = static_cast<int32_t>(kRows);
      request->inputs = {{reinterpret_cast<const uint8_t*>(&rows[example * kIns]), kIns * sizeof(float)}};
      request->bytes = request->inputs[0].bytes;
      request->dims.clear();
      request->arrivalMs = clock();
      request->deadlineMs = kNoDeadline;
      CHECK(batcher->submit(request) == Submitted::kAccepted);
    }
    batcher->wake();
    std::unique_lock<std::mutex> lock(mutex);
    CHECK(changed.wait_for(lock, std::chrono::seconds(20), [&] { return answers.size() == kRows; }));
  }

  void expectRight() {
    const auto plan = network();
    for (const auto& [example, answer] : answers) {
      CHECK(answer.error.empty());
      const std::vector<float> wanted = expected(*plan, &rows[example * kIns]);
      CHECK(answer.scores == wanted);
    }
  }

  const std::vector<float> rows = examples();
  std::string error;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<uint32_t, Answer> answers;
  std::unique_ptr<Batcher> batcher;
};

}  // namespace

TEST("rows that come at once are answered in batches, each with its own answer, by one thread and by three") {
  for (const int32_t instances : {1, 3}) {
    resetHostDevice({});
    {
      Bench bench(instances);
      for (int round = 0; round < 5; round++) {
        bench.askAll();
        bench.expectRight();
      }
      const Counters counters = bench.batcher->counters();
      CHECK(counters.rowsRun == static_cast<int64_t>(5 * kRows) && counters.batches < counters.rowsRun);
      CHECK(counters.copyInNs > 0 && counters.copyOutNs > 0);
    }
    CHECK(takeHostFaults().empty());
  }
}

TEST("a batch for which the device has no memory is answered row by row") {
  HostDeviceOptions options;
  options.memoryBytes = 12000;
  resetHostDevice(options);
  {
    Bench bench(1);
    bench.askAll();
    bench.expectRight();
    CHECK(bench.answers[0].batchRows == 1);
  }
  CHECK(takeHostFaults().empty());
}

TEST("rows for which there is no memory even alone are refused as such") {
  HostDeviceOptions options;
  options.memoryBytes = 2600;  // the weights, and no row beside them
  resetHostDevice(options);
  {
    Bench bench(1);
    bench.askAll();
    for (const auto& [example, answer] : bench.answers) {
      CHECK(answer.exhausted);
      CHECK(answer.error.find("allocating device memory failed with 2 (out of memory): ") == 0);
    }
  }
  CHECK(takeHostFaults().empty());
}

MAIN_OF_TESTS
