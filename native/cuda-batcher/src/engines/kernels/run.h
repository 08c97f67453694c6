// What one thread runs a plan with: streams for the three stages of a batch, and the memory that a batch takes.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "devices/device.h"
#include "engines/kernels/model.h"

namespace cb {

class KernelRun {
 public:
  explicit KernelRun(KernelModel& model);
  ~KernelRun();
  KernelRun(const KernelRun&) = delete;
  KernelRun& operator=(const KernelRun&) = delete;

  // Each answers a sentence, empty on success.
  std::string open();
  // Rows of `in` through the plan; the answer lies in `out`, whose memory is allocated where it has none.
  std::string run(const EngineBuffer& in, EngineBuffer& out, EngineStages& stages);

  // From any thread. A batch that is on the device is not interrupted: its answer is dropped.
  void end(bool ended) { ended_ = ended; }
  // From any thread; a run that is under way keeps its memory.
  void trim();

 private:
  std::string take(size_t rows);
  DeviceResult queue(size_t rows);
  DeviceResult queueSteps(size_t rows, DeviceAddress& answer);
  DeviceResult launch(const KernelStep& step, DeviceAddress from, DeviceAddress to, uint32_t rows);
  void settle();
  std::string fillIn(EngineBuffer& out, size_t rows) const;

  KernelModel& model_;
  const std::shared_ptr<const Device> device_;
  const DeviceTable& table_;
  std::atomic<bool> ended_{false};
  std::mutex mutex_;  // held while it runs
  Stream copyingIn_, computing_, copyingOut_;
  Event started_, copiedIn_, computed_, copiedOut_;
  DeviceMemory pinnedIn_, pinnedOut_;
  DeviceMemory input_, even_, odd_;  // rows that go in, and those after each second step
};

}  // namespace cb
