#include "running/batch_run.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "process/allocator.h"

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;
// Slabs beyond one per engine thread, at least: one being delivered, one lent. More while they are small, because fast
// models finish several batches before JavaScript has looked at the first.
constexpr size_t kSpareSlabsMin = 2;
constexpr size_t kSpareSlabsMax = 16;
constexpr size_t kSpareBytesMax = size_t{8} << 20;
constexpr size_t kArenaBytesMax = size_t{1} << 30;

double threadCpuMs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / kNsPerMs;
}

size_t rowBytesOf(const Request& request, size_t input) {
  return request.inputs[input].bytes / static_cast<size_t>(request.rows);
}

// The shape of an input for this batch: the request's own dims where the model leaves them open.
void setDims(EngineBuffer& buffer, const Tensor& tensor, const int64_t* given, bool batchable, int32_t rows) {
  buffer.rank = static_cast<int32_t>(tensor.dims.size());
  for (size_t i = 0; i < tensor.dims.size(); i++) buffer.dims[i] = given != nullptr ? given[i] : tensor.dims[i];
  if (batchable) buffer.dims[0] = rows;
}

// How an engine says that an allocation failed.
bool wantsMemory(const std::string& error) {
  for (const char* words : {"bad_alloc", "bad allocation", "Failed to allocate memory", "allocating device memory failed",
                            "allocating pinned memory failed"}) {
    if (error.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

size_t outputSlabBytes(const Model& model, int32_t rows) {
  size_t bytes = 0;
  for (size_t i = 0; i < model.outputs().size(); i++) {
    if (!model.foreseeable(i)) continue;
    bytes += aligned(static_cast<size_t>(model.outputs()[i].rowBytes) * static_cast<size_t>(rows));
  }
  return bytes;
}

int32_t outputSlabs(const Model& model, const BatcherOptions& options) {
  const size_t bytes = outputSlabBytes(model, options.maxBatch);
  if (bytes == 0) return 0;
  const size_t spare = std::clamp(kSpareBytesMax / bytes, kSpareSlabsMin, kSpareSlabsMax);
  const size_t wanted = static_cast<size_t>(options.instances) + spare;
  return static_cast<int32_t>(std::min(wanted, kArenaBytesMax / bytes));
}

void BatchRun::rest() {
  scratch_.atMost(kScratchKeptBytes);
  trimThreadHeap();
}

void BatchRun::run(Delivery& delivery) {
  BatchTimes& times = delivery.times;
  EngineStages stages{0, 0};
  try {
    if (delivery.members.front()->ownForm()) gatherOwnForm(delivery);
    else gather(delivery);
    times.gatheredMs = tools_.clock();
    layOutputs(delivery);
    if (tools_.journal != nullptr) tools_.journal->begin(tools_.journalSlot, delivery.members);
    const double cpuMs = tools_.cpuTimes ? threadCpuMs() : 0;
    int outcome = kRan;
    delivery.error = model_.run(tools_.run, in_, delivery.outputs, stages, outcome);
    delivery.refused = outcome == kInputRefused;
    if (tools_.cpuTimes) times.runCpuMs = threadCpuMs() - cpuMs;
  } catch (const std::bad_alloc&) {
    delivery.exhausted = true;
    delivery.error = "out of memory for a batch of " + std::to_string(delivery.paddedRows) + " rows";
    times.gatheredMs = tools_.clock();
  }
  if (tools_.journal != nullptr) tools_.journal->end(tools_.journalSlot);
  if (wantsMemory(delivery.error)) {
    delivery.exhausted = true;
    trimModel();
  }
  times.copiedOutMs = tools_.clock();
  times.copiedInMs = times.gatheredMs + stages.copyInNs / kNsPerMs;
  times.ranMs = times.copiedOutMs - stages.copyOutNs / kNsPerMs;
  if (!delivery.error.empty() || delivery.whole()) return;
  delivery.error = checkOutputs(delivery);
  delivery.misfit = !delivery.error.empty();
}

// The memory of an engine grows by steps of what was last asked for, so that the next run would take what is left.
void BatchRun::trimModel() {
  try {
    model_.trim();
  } catch (const std::bad_alloc&) {
    // It is trimmed again once nothing runs.
  }
}

// One copy per row; a batch of one request needs none when its memory is aligned for its element type.
void BatchRun::gather(Delivery& delivery) {
  const std::vector<Tensor>& inputs = model_.inputs();
  const Request& first = *delivery.members.front();
  in_.assign(inputs.size(), EngineBuffer{});
  const size_t paddedRows = static_cast<size_t>(delivery.paddedRows);
  size_t scratchBytes = 0;
  delivery.direct = delivery.members.size() == 1 && delivery.rows == delivery.paddedRows && !first.alone;
  for (size_t i = 0; i < inputs.size(); i++) {
    in_[i].bytes = rowBytesOf(first, i) * paddedRows;
    scratchBytes += aligned(in_[i].bytes);
    const size_t element = std::max<size_t>(elementBytes(inputs[i].dtype), 1);
    if (reinterpret_cast<uintptr_t>(first.inputs[i].data) % element != 0) delivery.direct = false;
  }
  uint8_t* to = delivery.direct ? nullptr : scratch_.atLeast(std::max<size_t>(scratchBytes, 1));
  const int64_t* given = first.dims.empty() ? nullptr : first.dims.data();
  for (size_t i = 0; i < inputs.size(); i++) {
    setDims(in_[i], inputs[i], given, model_.batchable(), delivery.paddedRows);
    if (given != nullptr) given += inputs[i].dims.size();
    if (delivery.direct) {
      in_[i].data = const_cast<uint8_t*>(first.inputs[i].data);  // engines only read inputs
      continue;
    }
    in_[i].data = to;
    uint8_t* row = to;
    for (const Request* member : delivery.members) {
      std::memcpy(row, member->inputs[i].data, member->inputs[i].bytes);
      row += member->inputs[i].bytes;
    }
    // Rows of an earlier batch must not be computed again, and never be seen.
    std::memset(row, 0, static_cast<size_t>(to + in_[i].bytes - row));
    to += aligned(in_[i].bytes);
  }
}

// A request in a form of its own: its tensors as they are. Copied is what is not aligned for its element type, and all of
// one that is to run the same way each time.
void BatchRun::gatherOwnForm(Delivery& delivery) {
  const Request& request = *delivery.members.front();
  const size_t own = model_.inputs().size();
  const size_t optionals = request.optionals.empty() ? 0 : model_.optionals().size();
  EngineBuffer leftOut{};
  leftOut.rank = kUnknownRank;
  in_.assign(own + optionals, leftOut);
  size_t scratchBytes = 0;
  for (const RequestInput& input : request.inputs) scratchBytes += aligned(input.bytes);
  uint8_t* to = nullptr;
  const int64_t* dims = request.dims.data();
  for (size_t i = 0; i < request.inputs.size(); i++) {
    const RequestInput& input = request.inputs[i];
    const size_t at = i < own ? i : own + request.optionals[i - own];
    const Tensor& tensor = i < own ? model_.inputs()[i] : model_.optionals()[at - own];
    EngineBuffer& buffer = in_[at];
    buffer.bytes = input.bytes;
    buffer.rank = request.ranks[i];
    std::copy(dims, dims + buffer.rank, buffer.dims);
    dims += buffer.rank;
    buffer.data = const_cast<uint8_t*>(input.data);  // engines only read inputs
    const size_t element = std::max<size_t>(elementBytes(tensor.dtype), 1);
    if (!request.alone && reinterpret_cast<uintptr_t>(input.data) % element == 0) continue;
    if (to == nullptr) to = scratch_.atLeast(std::max<size_t>(scratchBytes, 1));
    std::memcpy(to, input.data, input.bytes);
    buffer.data = to;
    to += aligned(input.bytes);
  }
}

void BatchRun::layOutputs(Delivery& delivery) {
  const std::vector<Tensor>& outputs = model_.outputs();
  delivery.outputs.assign(outputs.size(), EngineBuffer{});
  // What is sent in place of a default may change the shapes of outputs, and nothing is learnt from it.
  if (delivery.members.front()->ownForm()) return;
  delivery.slab = tools_.arena.take();
  if (delivery.slab == kNoSlab) return;  // all are lent: the engine allocates this batch's outputs
  uint8_t* to = tools_.arena.data() + tools_.arena.offset(delivery.slab);
  for (size_t i = 0; i < outputs.size(); i++) {
    if (!model_.foreseeable(i)) continue;
    EngineBuffer& buffer = delivery.outputs[i];
    const size_t rows = model_.batchable() ? static_cast<size_t>(delivery.paddedRows) : 1;
    setDims(buffer, outputs[i], nullptr, model_.batchable(), delivery.paddedRows);
    buffer.bytes = static_cast<size_t>(outputs[i].rowBytes) * rows;
    buffer.data = to;
    to += aligned(buffer.bytes);
  }
}

// A row's answer is cut out of the output by its place in the batch, so every output must have the batch's rows.
std::string BatchRun::checkOutputs(const Delivery& delivery) const {
  for (size_t i = 0; i < delivery.outputs.size(); i++) {
    const EngineBuffer& buffer = delivery.outputs[i];
    if (buffer.rank >= 1 && buffer.dims[0] == delivery.paddedRows) continue;
    return "output '" + model_.outputs()[i].name + "' has " +
           std::to_string(buffer.rank >= 1 ? buffer.dims[0] : 0) + " rows for a batch of " +
           std::to_string(delivery.paddedRows) + ": its first axis is not the batch";
  }
  return {};
}

}  // namespace cb
