// What tests of the host device begin with: a context, and memory, streams and events by name.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "devices/host/host_device.h"
#include "devices/host/kernel_image.h"

namespace cb {

constexpr size_t kCount = 64;

inline void twice(const kernels::Thread& at, const uint32_t* from, uint32_t* to, uint32_t count) {
  for (size_t i = kernels::first(at); i < count; i += kernels::step(at)) to[i] = 2 * from[i];
}

inline const HostImage* testImage() {
  static constexpr HostKernel all[] = {hostKernel<twice>("twice")};
  static constexpr HostImage image{kHostImageMagic, all, 1};
  return &image;
}

struct HostBench {
  explicit HostBench(const HostDeviceOptions& options = {}) {
    resetHostDevice(options);
    table.init(0);
    table.retain(&context, 0);
    table.setCurrent(context);
    table.loadModule(&module, testImage());
    table.function(&kernel, module, "twice");
  }
  DeviceAddress memory(size_t bytes = kCount * 4) const {
    DeviceAddress address = 0;
    table.allocate(&address, bytes);
    return address;
  }
  uint32_t* pinned(size_t bytes = kCount * 4) const {
    void* data = nullptr;
    table.hostAllocate(&data, bytes, 0);
    return static_cast<uint32_t*>(data);
  }
  DeviceStream* stream() const {
    DeviceStream* opened = nullptr;
    table.openStream(&opened, kStreamNonBlocking);
    return opened;
  }
  DeviceEvent* event() const {
    DeviceEvent* opened = nullptr;
    table.openEvent(&opened, kEventBlocking);
    return opened;
  }
  DeviceResult launchTwice(DeviceAddress from, DeviceAddress to, uint32_t count, DeviceStream* on) const {
    void* parameters[] = {&from, &to, &count};
    return table.launch(kernel, 2, 1, 1, 32, 1, 1, 0, on, parameters, nullptr);
  }

  const DeviceTable& table = *hostDevice();
  DeviceContext* context = nullptr;
  DeviceModule* module = nullptr;
  DeviceFunction* kernel = nullptr;
};

// The one fault that there was; "" where there was none, or more.
inline std::string theFault() {
  const std::vector<std::string> faults = takeHostFaults();
  return faults.size() == 1 ? faults[0] : "";
}

}  // namespace cb
