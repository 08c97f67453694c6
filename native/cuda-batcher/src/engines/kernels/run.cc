#include "engines/kernels/run.h"

#include <algorithm>
#include <cstring>

namespace cb {

namespace {

constexpr double kNsPerMs = 1e6;
constexpr const char* kEnded = "the run was ended";

// Memory grows to the next power of two of rows, so that batches of many sizes allocate a few times only.
size_t roomFor(size_t rows) {
  size_t room = 1;
  while (room < rows) room *= 2;
  return room;
}

}  // namespace

KernelRun::KernelRun(KernelModel& model)
    : model_(model),
      device_(model.device()),
      table_(device_->table()),
      copyingIn_(device_),
      computing_(device_),
      copyingOut_(device_),
      started_(device_),
      copiedIn_(device_),
      computed_(device_),
      copiedOut_(device_),
      pinnedIn_(device_, DeviceMemory::Place::kPinned),
      pinnedOut_(device_, DeviceMemory::Place::kPinned),
      input_(device_, DeviceMemory::Place::kDevice),
      even_(device_, DeviceMemory::Place::kDevice),
      odd_(device_, DeviceMemory::Place::kDevice) {
  model_.add(this);
}

KernelRun::~KernelRun() {
  model_.remove(this);
  device_->enter();
}

std::string KernelRun::open() {
  DeviceResult result = device_->enter();
  for (Stream* stream : {&copyingIn_, &computing_, &copyingOut_}) {
    if (result == kDeviceOk) result = stream->open();
  }
  for (Event* event : {&started_, &copiedIn_, &computed_, &copiedOut_}) {
    if (result == kDeviceOk) result = event->open();
  }
  return result == kDeviceOk ? "" : device_->sentence("opening the streams of a run", result);
}

std::string KernelRun::run(const EngineBuffer& in, EngineBuffer& out, EngineStages& stages) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (ended_) return kEnded;
  const size_t rowBytes = rowElements(model_.input().rowDims) * sizeof(float);
  const size_t rows = in.rank < 1 || in.dims[0] < 0 ? 0 : static_cast<size_t>(in.dims[0]);
  if (in.rank < 1 || in.bytes != rows * rowBytes) return "'" + model_.input().name + "' has " + std::to_string(in.bytes) + " bytes for " + std::to_string(rows) + " rows";
  std::string error = fillIn(out, rows);
  if (!error.empty() || rows == 0) return error;
  if (const DeviceResult entered = device_->enter(); entered != kDeviceOk) return device_->sentence("entering the device's context", entered);
  error = take(rows);
  if (!error.empty()) return error;
  std::memcpy(pinnedIn_.data(), in.data, in.bytes);
  DeviceResult result = queue(rows);
  if (result == kDeviceOk) result = table_.syncEvent(copiedOut_.get());
  float copyInMs = 0;
  float copyOutMs = 0;
  if (result == kDeviceOk) result = table_.elapsed(&copyInMs, started_.get(), copiedIn_.get());
  if (result == kDeviceOk) result = table_.elapsed(&copyOutMs, computed_.get(), copiedOut_.get());
  if (result != kDeviceOk) {
    error = device_->sentence("running a batch", result);
    settle();
    return error;
  }
  if (ended_) return kEnded;
  stages = {copyInMs * kNsPerMs, copyOutMs * kNsPerMs};
  std::memcpy(out.data, pinnedOut_.data(), out.bytes);
  return {};
}

// Has memory for so many rows; what lay in it is lost.
std::string KernelRun::take(size_t rows) {
  const size_t room = roomFor(rows) * sizeof(float);
  const size_t ins = rowElements(model_.input().rowDims);
  const size_t outs = rowElements(model_.output().rowDims);
  std::string error = pinnedIn_.grow(room * ins);
  if (error.empty()) error = pinnedOut_.grow(room * outs);
  if (error.empty()) error = input_.grow(room * ins);
  if (error.empty()) error = even_.grow(room * model_.widest());
  if (error.empty() && model_.steps().size() > 1) error = odd_.grow(room * model_.widest());
  return error;
}

// Each stage has a stream of its own, and the next one waits for its event.
DeviceResult KernelRun::queue(size_t rows) {
  const size_t inBytes = rows * rowElements(model_.input().rowDims) * sizeof(float);
  const size_t outBytes = rows * rowElements(model_.output().rowDims) * sizeof(float);
  DeviceAddress answer = 0;
  DeviceResult result = table_.recordEvent(started_.get(), copyingIn_.get());
  if (result == kDeviceOk) result = table_.copyIn(input_.address(), pinnedIn_.data(), inBytes, copyingIn_.get());
  if (result == kDeviceOk) result = table_.recordEvent(copiedIn_.get(), copyingIn_.get());
  if (result == kDeviceOk) result = table_.waitEvent(computing_.get(), copiedIn_.get(), 0);
  if (result == kDeviceOk) result = queueSteps(rows, answer);
  if (result == kDeviceOk) result = table_.recordEvent(computed_.get(), computing_.get());
  if (result == kDeviceOk) result = table_.waitEvent(copyingOut_.get(), computed_.get(), 0);
  if (result == kDeviceOk) result = table_.copyOut(pinnedOut_.data(), answer, outBytes, copyingOut_.get());
  return result == kDeviceOk ? table_.recordEvent(copiedOut_.get(), copyingOut_.get()) : result;
}

DeviceResult KernelRun::queueSteps(size_t rows, DeviceAddress& answer) {
  answer = input_.address();
  for (size_t i = 0; i < model_.steps().size(); i++) {
    const DeviceAddress to = i % 2 == 0 ? even_.address() : odd_.address();
    const DeviceResult result = launch(model_.steps()[i], answer, to, static_cast<uint32_t>(rows));
    if (result != kDeviceOk) return result;
    answer = to;
  }
  return kDeviceOk;
}

DeviceResult KernelRun::launch(const KernelStep& step, DeviceAddress from, DeviceAddress to, uint32_t rows) {
  DeviceAddress weights = model_.constant(step.weights, step.weightCount);
  DeviceAddress bias = model_.constant(step.bias, step.biasCount);
  auto weightCount = static_cast<uint32_t>(step.weightCount);
  auto biasCount = static_cast<uint32_t>(step.biasCount);
  uint32_t ins = step.ins, outs = step.outs, relu = step.relu ? 1 : 0;
  void* dense[] = {&from, &weights, &bias, &to, &rows, &ins, &outs, &relu};
  void* affine[] = {&from, &weights, &weightCount, &bias, &biasCount, &to, &rows, &ins};
  void* alone[] = {&from, &to, &rows, &ins};
  void** parameters = step.op == KernelOp::kDense ? dense : step.op == KernelOp::kAffine ? affine : alone;
  return device_->launch(model_.kernel(step.op), static_cast<size_t>(rows) * outs, 1, computing_.get(), parameters);
}

// After a failure: nothing that was queued may use the memory any more.
void KernelRun::settle() {
  for (const Stream* stream : {&copyingIn_, &computing_, &copyingOut_}) table_.syncStream(stream->get());
}

std::string KernelRun::fillIn(EngineBuffer& out, size_t rows) const {
  const std::vector<int64_t>& rowDims = model_.output().rowDims;
  const size_t bytes = rows * rowElements(rowDims) * sizeof(float);
  if (out.data != nullptr) {
    if (out.bytes == bytes) return {};
    return "'" + model_.output().name + "' has " + std::to_string(bytes) + " bytes, there is memory for " + std::to_string(out.bytes);
  }
  out.owner = new float[std::max<size_t>(bytes / sizeof(float), 1)];
  out.data = out.owner;
  out.bytes = bytes;
  out.rank = static_cast<int32_t>(rowDims.size()) + 1;
  out.dims[0] = static_cast<int64_t>(rows);
  std::copy(rowDims.begin(), rowDims.end(), out.dims + 1);
  return {};
}

void KernelRun::trim() {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || device_->enter() != kDeviceOk) return;
  for (DeviceMemory* memory : {&pinnedIn_, &pinnedOut_, &input_, &even_, &odd_}) memory->clear();
}

}  // namespace cb
