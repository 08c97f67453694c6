// The kernel module on the host device, which forbids what a device forbids and does its work as late as one may.
#include "engines/kernels/engine.h"

#include <cstring>
#include <thread>

#include "check.h"
#include "devices/host/host_device.h"
#include "engines/kernel_network.h"
#include "running/model.h"

using namespace cb;

namespace {

std::unique_ptr<Model> load(std::shared_ptr<const KernelPlan> plan, std::string& error, const std::string& device = "host") {
  ModelOptions options;
  options.device = device;
  options.plan = std::move(plan);
  return Model::load(kernelEngine(), options, error);
}

std::string ask(const Model& model, ModelRun& run, const float* rows, size_t count, std::vector<float>& answer, bool own = true) {
  EngineBuffer in{const_cast<float*>(rows), count * kIns * sizeof(float), 4, {static_cast<int64_t>(count), 1, 3, 4}, nullptr};
  answer.assign(count * kOuts, -1);
  EngineBuffer out{answer.data(), answer.size() * sizeof(float), 2, {static_cast<int64_t>(count), kOuts}, nullptr};
  std::vector<EngineBuffer> outs{own ? out : EngineBuffer{}};
  EngineStages stages{-1, -1};
  const std::string error = model.run(run, {in}, outs, stages);
  if (!error.empty()) {
    CHECK(own || outs[0].owner == nullptr);
    return error;
  }
  CHECK(stages.copyInNs >= 0 && stages.copyOutNs >= 0);
  if (!own) {
    CHECK(outs[0].rank == 2 && outs[0].dims[0] == static_cast<int64_t>(count) && outs[0].dims[1] == kOuts);
    std::memcpy(answer.data(), outs[0].data, outs[0].bytes);
    model.release(outs[0].owner);
  }
  return {};
}

void expectRight(const std::vector<float>& rows, size_t count, const std::vector<float>& answer) {
  static const auto plan = network();
  for (size_t row = 0; row < count; row++) {
    const std::vector<float> wanted = expected(*plan, &rows[row * kIns]);
    CHECK(std::memcmp(wanted.data(), &answer[row * kOuts], sizeof(float) * kOuts) == 0);
  }
}

HostDeviceOptions seeded(uint64_t seed) {
  HostDeviceOptions options;
  options.seed = seed;
  return options;
}

}  // namespace

TEST("rows are answered the same alone and among any others, whenever the device does its work") {
  const std::vector<float> rows = examples();
  for (const uint64_t seed : {0, 1, 2, 3}) {
    resetHostDevice(seeded(seed));
    {
      std::string error;
      const auto model = load(network(), error);
      CHECK(error.empty() && model->batchable());
      ModelRun run(*model);
      std::vector<float> answer;
      for (const size_t count : {1, 2, 3, 64, 7, 1}) {
        CHECK(ask(*model, run, rows.data(), count, answer).empty());
        expectRight(rows, count, answer);
        CHECK(ask(*model, run, rows.data(), count, answer, false).empty());
        expectRight(rows, count, answer);
      }
      model->trim();
      CHECK(ask(*model, run, rows.data(), kRows, answer).empty());
      expectRight(rows, kRows, answer);
    }
    CHECK(takeHostFaults().empty());  // nor is anything left on the device
  }
}

TEST("what it takes and gives is that of the plan") {
  resetHostDevice({});
  std::string error;
  const auto model = load(network(), error);
  CHECK(model->inputs()[0].name == "image" && model->inputs()[0].dims == std::vector<int64_t>({kUnknownDim, 1, 3, 4}));
  CHECK(model->inputs()[0].rowBytes == kIns * sizeof(float) && model->optionals().empty());
  CHECK(model->outputs()[0].name == "logits" && model->outputs()[0].dims == std::vector<int64_t>({kUnknownDim, kOuts}));
  CHECK(model->foreseeable(0));
}

TEST("many threads run one model while its memory is given back and runs are ended") {
  const std::vector<float> rows = examples();
  resetHostDevice(seeded(5));
  {
    std::string error;
    const auto model = load(network(), error);
    std::vector<std::unique_ptr<ModelRun>> runs;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 3; i++) runs.push_back(std::make_unique<ModelRun>(*model));
    for (size_t i = 0; i < 2; i++) {
      threads.emplace_back([&, i] {
        std::vector<float> answer;
        for (size_t round = 0; round < 60; round++) {
          const size_t count = 1 + (round * 7 + i) % kRows;
          CHECK(ask(*model, *runs[i], rows.data(), count, answer).empty());
          expectRight(rows, count, answer);
        }
      });
    }
    threads.emplace_back([&] {
      std::vector<float> answer;
      for (size_t round = 0; round < 60; round++) {
        if (round % 2 == 0) runs[2]->end();
        const std::string said = ask(*model, *runs[2], rows.data(), 2, answer);
        CHECK(said == (round % 2 == 0 ? "the run was ended" : ""));
        runs[2]->renew();
        model->trim();
      }
    });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(takeHostFaults().empty());
}

TEST("a batch for which there is no memory fails with a sentence, and the next one is answered") {
  const std::vector<float> rows = examples();
  HostDeviceOptions options;
  options.memoryBytes = 12000;
  resetHostDevice(options);
  {
    std::string error;
    const auto model = load(network(), error);
    ModelRun run(*model);
    std::vector<float> answer;
    const std::string said = ask(*model, run, rows.data(), kRows, answer);
    CHECK(said.find("allocating device memory failed with 2 (out of memory): ") == 0);
    CHECK(ask(*model, run, rows.data(), 2, answer).empty());
    expectRight(rows, 2, answer);
  }
  CHECK(takeHostFaults().empty());
}

TEST("a launch that fails fails its batch alone, and what was queued of it is waited for") {
  const std::vector<float> rows = examples();
  for (int64_t launches = 0; launches < 5; launches++) {
    HostDeviceOptions options;
    options.launches = launches;
    resetHostDevice(options);
    {
      std::string error;
      const auto model = load(network(), error);
      ModelRun run(*model);
      std::vector<float> answer;
      CHECK(ask(*model, run, rows.data(), 3, answer).find("running a batch failed with 1 (invalid argument): kernel ") == 0);
    }
    CHECK(takeHostFaults().empty());
  }
}

TEST("a device that is lost fails every batch from then on, wherever in a batch it happens, and no answer is wrong") {
  const std::vector<float> rows = examples();
  for (int64_t work = 1; work < 24; work++) {
    HostDeviceOptions options;
    options.work = work;
    resetHostDevice(options);
    {
      std::string error;
      const auto model = load(network(), error);
      ModelRun run(*model);
      bool lost = false;
      std::vector<float> answer;
      for (int batch = 0; batch < 3; batch++) {
        const std::string said = ask(*model, run, rows.data(), 3, answer);
        CHECK(!lost || !said.empty());
        lost = lost || !said.empty();
        if (!lost) expectRight(rows, 3, answer);
        if (lost) CHECK(said.find("the device was lost") != std::string::npos);
      }
      CHECK(lost);
    }
    CHECK(takeHostFaults().empty());
  }
}

TEST("a plan that does not fit, and a device that is not there, are refused when they are loaded") {
  resetHostDevice({});
  const auto refused = [](void (*spoil)(KernelPlan&), const char* device = "host") {
    const auto plan = network();
    spoil(*plan);
    std::string error;
    CHECK(load(plan, error, device) == nullptr);
    return error;
  };
  const auto unfit = [](size_t step, uint32_t width) {
    return "step " + std::to_string(step) + " of the plan does not fit: rows have " + std::to_string(width) + " elements";
  };
  CHECK(refused([](KernelPlan& plan) { plan.steps[1].ins--; }) == unfit(1, kIns));
  CHECK(refused([](KernelPlan& plan) { plan.steps[1].outs++; }) == unfit(1, kIns));
  CHECK(refused([](KernelPlan& plan) { plan.steps[2].weights = plan.constants.size() - 1; }) == unfit(2, kHidden));
  CHECK(refused([](KernelPlan& plan) { plan.steps[2].weights = static_cast<size_t>(-4); }) == unfit(2, kHidden));
  CHECK(refused([](KernelPlan& plan) { plan.steps[1].biasCount = 2; }) == unfit(1, kIns));
  CHECK(refused([](KernelPlan& plan) { plan.steps[3].biasCount = 2; }) == unfit(3, kOuts));
  CHECK(refused([](KernelPlan& plan) { plan.steps[4].op = static_cast<KernelOp>(9); }) == unfit(4, kOuts));
  CHECK(refused([](KernelPlan& plan) { plan.steps.clear(); }) == "the plan has no steps");
  CHECK(refused([](KernelPlan& plan) { plan.output.rowDims = {4}; }) == "the plan ends with rows of 5 elements, 'logits' has another size");
  CHECK(refused([](KernelPlan& plan) { plan.input.rowDims = {int64_t{1} << 40}; }) == "'image' has rows of a size that is not served");
  CHECK(refused([](KernelPlan& plan) { plan.input.rowDims = {-12}; }) == "'image' has rows of a size that is not served");
  CHECK(!refused([](KernelPlan&) {}, "cuda:999").empty());
  CHECK(takeHostFaults().empty());
}

MAIN_OF_TESTS
