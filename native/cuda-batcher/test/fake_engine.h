// An engine without a library: y = x + add over float32 rows [N, 4]; `add` may be left out, its default is 1. A row that begins with kPoison fails its whole run,
// and a gate can hold runs back, so that tests decide what is queued and what is running.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engines/engine_table.h"
#include "running/model.h"

namespace cb {

constexpr float kPoison = -12345;
// A row that begins with kTrap ends its process by SIGSEGV; one with kPoolTrap does so on a thread that the engine starts.
constexpr float kTrap = -54321;
constexpr float kPoolTrap = -54322;
constexpr size_t kFakeWidth = 4;

struct EngineModel {
  EngineThreads threads{};
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  int running = 0;
  std::vector<int64_t> batches;  // rows of every run
  std::atomic<int> trims{0};
  bool meets = false;    // rows answer their batch's size besides
  bool unsteady = false; // and every run another number
};

struct EngineRun {
  bool ended = false;
};

inline EngineModel*& lastFake() {
  static EngineModel* last = nullptr;
  return last;
}

inline void trap(void*) {
  static int* volatile nowhere = nullptr;
  *nowhere = 0;
}

inline int fakeRun(EngineModel* model, EngineRun* with, const EngineBuffer* in, size_t inCount, EngineBuffer* out, size_t, EngineStages*,
                   char* error, size_t errorBytes) {
  float extra = 0;
  bool ended = false;
  {
    std::unique_lock<std::mutex> lock(model->mutex);
    model->batches.push_back(in[0].dims[0]);
    if (model->meets) extra = static_cast<float>(in[0].dims[0] - 1);
    if (model->unsteady) extra = static_cast<float>(model->batches.size());
    model->running++;
    model->changed.notify_all();
    model->changed.wait(lock, [&] { return !model->held || with->ended; });
    ended = with->ended;
    model->running--;
  }
  if (ended) {
    std::snprintf(error, errorBytes, "terminated");
    return 1;
  }
  const float* x = static_cast<const float*>(in[0].data);
  const float add = inCount > 1 && in[1].rank != kUnknownRank ? *static_cast<const float*>(in[1].data) : 1;
  if (out[0].data == nullptr) {
    out[0] = in[0];
    out[0].owner = new float[in[0].bytes / sizeof(float)];
    out[0].data = out[0].owner;
  }
  float* y = static_cast<float*>(out[0].data);
  for (size_t i = 0; i < in[0].bytes / sizeof(float); i++) {
    if (i % kFakeWidth == 0 && x[i] == kTrap) trap(nullptr);
    if (i % kFakeWidth == 0 && x[i] == kPoolTrap) std::thread(model->threads.run, model->threads.context, trap, nullptr).join();
    if (i % kFakeWidth == 0 && x[i] == kPoison) {
      std::snprintf(error, errorBytes, "poison in row %zu", i / kFakeWidth);
      return 1;
    }
    y[i] = x[i] + add + extra;
  }
  return 0;
}

inline int fakeTensors(EngineModel*, TensorList list, size_t index, EngineTensor* tensor) {
  if (index > 0) return 1;
  if (list == TensorList::kOptionalInputs) {
    *tensor = EngineTensor{"add", DType::kFloat32, 0, {}, {}, false};
    return 0;
  }
  const char* name = list == TensorList::kOutputs ? "y" : "x";
  *tensor = EngineTensor{name, DType::kFloat32, 2, {kUnknownDim, kFakeWidth}, {"N", ""}, false};
  return 0;
}

inline const EngineTable* fakeEngine() {
  static const EngineTable table{
      kEngineAbi,
      "fake",
      [](const char*, char*, size_t, char*, size_t) { return 0; },
      [](const EngineLoadOptions* options, EngineModel** model, char*, size_t) {
        *model = lastFake() = new EngineModel;
        (*model)->threads = options->threads;
        return 0;
      },
      fakeTensors,
      [](EngineModel*, EngineRun** run, char*, size_t) {
        *run = new EngineRun;
        return 0;
      },
      fakeRun,
      [](EngineModel*, void* owner) { delete[] static_cast<float*>(owner); },
      [](EngineModel* model, EngineRun* run, bool ended) {
        std::lock_guard<std::mutex> lock(model->mutex);
        run->ended = ended;
        model->changed.notify_all();
      },
      [](EngineModel* model) { model->trims++; },
      [](EngineModel*, EngineRun* run) { delete run; },
      [](EngineModel* model) { delete model; }};
  return &table;
}

inline void hold(EngineModel& model, bool held) {
  std::lock_guard<std::mutex> lock(model.mutex);
  model.held = held;
  model.changed.notify_all();
}

inline void awaitRunning(EngineModel& model, int count) {
  std::unique_lock<std::mutex> lock(model.mutex);
  model.changed.wait(lock, [&] { return model.running >= count; });
}

}  // namespace cb
