// A plan that was loaded onto a device: its constants, the kernels that it takes, and the runs that are open.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "devices/device.h"
#include "engines/engine_table.h"
#include "engines/kernels/plan.h"

namespace cb {

class KernelRun;

class KernelModel {
 public:
  // Null with a sentence in `error`.
  static std::unique_ptr<KernelModel> load(const KernelPlan& plan, const std::string& device, std::string& error);
  ~KernelModel();
  KernelModel(const KernelModel&) = delete;
  KernelModel& operator=(const KernelModel&) = delete;

  const std::shared_ptr<const Device>& device() const { return device_; }
  const std::vector<KernelStep>& steps() const { return steps_; }
  // Null where there are none.
  DeviceAddress constant(size_t offset, size_t count) const { return count == 0 ? 0 : constants_.address() + offset * sizeof(float); }
  DeviceFunction* kernel(KernelOp op) const { return kernels_[static_cast<size_t>(op)]; }
  const KernelTensor& input() const { return input_; }
  const KernelTensor& output() const { return output_; }
  uint32_t widest() const { return widest_; }  // elements of the largest row between steps

  void add(KernelRun* run);
  void remove(KernelRun* run);
  // Gives back what runs hold that are not under way.
  void trim();

 private:
  KernelModel(const KernelPlan& plan, std::shared_ptr<const Device> device);
  std::string fetchKernels();
  std::string copyConstants(const std::vector<float>& constants);

  const std::shared_ptr<const Device> device_;
  const KernelTensor input_;
  const KernelTensor output_;
  const std::vector<KernelStep> steps_;
  uint32_t widest_ = 1;
  DeviceMemory constants_;
  DeviceFunction* kernels_[3] = {};  // index = KernelOp
  std::mutex runsMutex_;
  std::set<KernelRun*> runs_;
};

}  // namespace cb
