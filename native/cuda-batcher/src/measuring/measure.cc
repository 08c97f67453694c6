#include "measuring/measure.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <thread>

#include "process/slab_arena.h"

namespace cb {

namespace {

constexpr double kUnboundedMs = std::numeric_limits<double>::infinity();

// The samples of one call are bounded: a day's worth of microsecond runs must not fill the memory.
constexpr size_t kSamplesMax = 1 << 22;

// What an empty string takes: nothing behind a length of zero.
constexpr size_t kTextLengthBytes = 4;

struct Inputs {
  Scratch memory;
  std::vector<EngineBuffer> buffers;
  std::string error;
};

void prepare(const Model& model, const MeasureOptions& options, Inputs& inputs) {
  const int64_t* dims = options.dims.empty() ? nullptr : options.dims.data();
  size_t total = 0;
  for (const Tensor& tensor : model.inputs()) {
    EngineBuffer buffer{};
    buffer.rank = static_cast<int32_t>(tensor.dims.size());
    const size_t index = inputs.buffers.size();
    const bool text = tensor.dtype == DType::kString;
    size_t bytes = text ? kTextLengthBytes : elementBytes(tensor.dtype);
    for (size_t d = 0; d < tensor.dims.size(); d++) {
      int64_t dim = dims != nullptr ? dims[d] : tensor.dims[d];
      if (d == 0 && model.batchable()) dim = options.batch;
      if (dim < 0) {
        inputs.error = "input '" + tensor.name + "' has open dims: give dims";
        return;
      }
      buffer.dims[d] = dim;
      bytes *= static_cast<size_t>(dim);
    }
    if (dims != nullptr) dims += tensor.dims.size();
    if (text && !options.row.empty()) bytes = options.row[index].size();
    buffer.bytes = bytes;
    total += aligned(bytes);
    inputs.buffers.push_back(buffer);
  }
  uint8_t* to = inputs.memory.atLeast(std::max<size_t>(total, 1));
  std::memset(to, 0, total);
  for (size_t i = 0; i < inputs.buffers.size(); i++) {
    EngineBuffer& buffer = inputs.buffers[i];
    buffer.data = to;
    if (!options.row.empty() && !options.row[i].empty()) {
      const std::vector<uint8_t>& row = options.row[i];
      for (size_t at = 0; at + row.size() <= buffer.bytes; at += row.size()) std::memcpy(to + at, row.data(), row.size());
    }
    to += aligned(buffer.bytes);
  }
}

// Outputs are set aside as a batcher does, so that both run the engine the same way.
size_t outputBytes(const Model& model, int32_t rows) {
  size_t bytes = 0;
  for (size_t i = 0; i < model.outputs().size(); i++) {
    if (!model.foreseeable(i)) continue;
    bytes += aligned(static_cast<size_t>(model.outputs()[i].rowBytes) * static_cast<size_t>(rows));
  }
  return bytes;
}

void layOutputs(const Model& model, int32_t rows, uint8_t* to, std::vector<EngineBuffer>& buffers) {
  buffers.assign(model.outputs().size(), EngineBuffer{});
  for (size_t i = 0; i < buffers.size(); i++) {
    const Tensor& output = model.outputs()[i];
    if (!model.foreseeable(i)) continue;
    EngineBuffer& buffer = buffers[i];
    buffer.rank = static_cast<int32_t>(output.dims.size());
    std::copy(output.dims.begin(), output.dims.end(), buffer.dims);
    if (model.batchable()) buffer.dims[0] = rows;
    buffer.bytes = static_cast<size_t>(output.rowBytes) * static_cast<size_t>(model.batchable() ? rows : 1);
    buffer.data = to;
    to += aligned(buffer.bytes);
  }
}

}  // namespace

Measured measure(const Model& model, const MeasureOptions& options, double (*clock)()) {
  Measured measured;
  Inputs inputs;
  prepare(model, options, inputs);
  if (!inputs.error.empty()) {
    measured.error = inputs.error;
    return measured;
  }
  std::mutex mutex;
  std::atomic<int64_t> started{0};
  std::atomic<bool> stop{false};
  const double startMs = clock() + options.warmUpMs;
  double firstMs = kUnboundedMs;
  double lastMs = 0;
  const auto work = [&] {
    Scratch memory;
    uint8_t* out = memory.atLeast(std::max<size_t>(outputBytes(model, options.batch), 1));
    ModelRun run(model);
    std::vector<EngineBuffer> outputs;
    std::vector<double> samples;
    double begunMs = kUnboundedMs;
    double doneMs = 0;
    double endMs = kUnboundedMs;  // from the first run's end at the earliest: a thread that starts late measures as long
    for (bool warm = false; !stop;) {
      const double fromMs = clock();
      const bool counts = warm && fromMs >= startMs;
      if (fromMs >= endMs) break;
      if (counts && (samples.size() >= kSamplesMax ||
                     (options.iterations > 0 && started.fetch_add(1) >= options.iterations))) {
        break;
      }
      layOutputs(model, options.batch, out, outputs);
      EngineStages stages{0, 0};
      std::string error = model.run(run, inputs.buffers, outputs, stages);
      for (EngineBuffer& output : outputs) {
        if (output.owner != nullptr) model.release(output.owner);
      }
      if (!error.empty()) {
        std::lock_guard<std::mutex> lock(mutex);
        measured.error = std::move(error);
        stop = true;
        return;
      }
      doneMs = clock();
      // A run that outlasts the whole window is its only sample.
      if (counts || (warm && samples.empty() && doneMs >= endMs)) {
        begunMs = std::min(begunMs, fromMs);
        samples.push_back(doneMs - fromMs);
      }
      if (!warm && options.durationMs > 0) endMs = std::max(startMs, doneMs) + options.durationMs;
      warm = true;
    }
    if (samples.empty()) return;
    std::lock_guard<std::mutex> lock(mutex);
    measured.latencyMs.insert(measured.latencyMs.end(), samples.begin(), samples.end());
    firstMs = std::min(firstMs, begunMs);
    lastMs = std::max(lastMs, doneMs);
  };
  std::vector<std::thread> threads;
  for (int32_t i = 0; i < options.instances; i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  if (!measured.latencyMs.empty()) measured.elapsedMs = lastMs - firstMs;
  return measured;
}

}  // namespace cb
