#include "engines/kernels/model.h"

#include <algorithm>
#include <cstring>

#include "engines/kernels/run.h"

namespace cb {

namespace {

// Constants are copied through pinned memory of this size.
constexpr size_t kChunkBytes = size_t{4} << 20;

}  // namespace

std::unique_ptr<KernelModel> KernelModel::load(const KernelPlan& plan, const std::string& name, std::string& error) {
  error = planFault(plan);
  if (!error.empty()) return nullptr;
  auto device = Device::open(name, error);
  if (device == nullptr) return nullptr;
  std::unique_ptr<KernelModel> model(new KernelModel(plan, std::move(device)));
  const DeviceResult entered = model->device_->enter();
  error = entered == kDeviceOk ? model->fetchKernels() : model->device_->sentence("entering the device's context", entered);
  if (error.empty()) error = model->copyConstants(plan.constants);
  return error.empty() ? std::move(model) : nullptr;
}

KernelModel::KernelModel(const KernelPlan& plan, std::shared_ptr<const Device> device)
    : device_(std::move(device)),
      input_(plan.input),
      output_(plan.output),
      steps_(plan.steps),
      constants_(device_, DeviceMemory::Place::kDevice) {
  for (const KernelStep& step : steps_) widest_ = std::max(widest_, step.outs);
}

// Whoever ends it may be a thread that never ran on the device.
KernelModel::~KernelModel() { device_->enter(); }

std::string KernelModel::fetchKernels() {
  std::string error;
  for (const auto& [op, name] : {std::pair{KernelOp::kDense, "dense"}, {KernelOp::kAffine, "affine"}, {KernelOp::kRelu, "relu"}}) {
    DeviceFunction* kernel = device_->kernel(name, error);
    if (kernel == nullptr) return error;
    kernels_[static_cast<size_t>(op)] = kernel;
  }
  return {};
}

std::string KernelModel::copyConstants(const std::vector<float>& constants) {
  const size_t bytes = constants.size() * sizeof(float);
  if (bytes == 0) return {};
  DeviceMemory pinned(device_, DeviceMemory::Place::kPinned);
  Stream stream(device_);
  DeviceResult result = stream.open();
  if (result != kDeviceOk) return device_->sentence("opening a stream", result);
  std::string error = constants_.grow(bytes);
  if (error.empty()) error = pinned.grow(std::min(bytes, kChunkBytes));
  const auto* from = reinterpret_cast<const uint8_t*>(constants.data());
  for (size_t done = 0; error.empty() && done < bytes; done += kChunkBytes) {
    const size_t chunk = std::min(kChunkBytes, bytes - done);
    std::memcpy(pinned.data(), from + done, chunk);
    result = device_->table().copyIn(constants_.address() + done, pinned.data(), chunk, stream.get());
    if (result == kDeviceOk) result = device_->table().syncStream(stream.get());
    if (result != kDeviceOk) error = device_->sentence("copying weights to the device", result);
  }
  return error;
}

void KernelModel::add(KernelRun* run) {
  const std::lock_guard<std::mutex> lock(runsMutex_);
  runs_.insert(run);
}

void KernelModel::remove(KernelRun* run) {
  const std::lock_guard<std::mutex> lock(runsMutex_);
  runs_.erase(run);
}

void KernelModel::trim() {
  const std::lock_guard<std::mutex> lock(runsMutex_);
  for (KernelRun* run : runs_) run->trim();
}

}  // namespace cb
