#include <cstring>
#include <vector>

#include "check.h"
#include "devices/cuda/driver.h"
#include "devices/device.h"
#include "devices/host/host_device.h"

using namespace cb;

namespace {

constexpr size_t kRows = 37;

struct Kernels {
  Kernels(const std::string& device, std::string& error) : on(Device::open(device, error)) {
    if (on == nullptr) return;
    gather = on->kernel("gatherRows", error);
    scatter = on->kernel("scatterRows", error);
  }
  std::shared_ptr<const Device> on;
  DeviceFunction* gather = nullptr;
  DeviceFunction* scatter = nullptr;
};

std::vector<uint8_t> copied(const Device& device, const DeviceMemory& from, DeviceMemory& pinned, const Stream& stream) {
  CHECK(device.table().copyOut(pinned.data(), from.address(), from.bytes(), stream.get()) == kDeviceOk);
  CHECK(device.table().syncStream(stream.get()) == kDeviceOk);
  return {pinned.data(), pinned.data() + from.bytes()};
}

// Scattered rows, gathered and scattered again on the device, compared with what the host makes of them.
void roundTrip(const Kernels& kernels, size_t rowBytes, size_t stride) {
  const auto& device = kernels.on;
  CHECK(device->enter() == kDeviceOk);
  DeviceMemory rows(device, DeviceMemory::Place::kDevice), back(device, DeviceMemory::Place::kDevice);
  DeviceMemory batch(device, DeviceMemory::Place::kDevice), pointers(device, DeviceMemory::Place::kDevice);
  DeviceMemory pinned(device, DeviceMemory::Place::kPinned), table(device, DeviceMemory::Place::kPinned);
  for (DeviceMemory* memory : {&rows, &back, &pinned}) CHECK(memory->grow(kRows * stride).empty());
  for (DeviceMemory* memory : {&pointers, &table}) CHECK(memory->grow(2 * kRows * sizeof(DeviceAddress)).empty());
  CHECK(batch.grow(kRows * rowBytes).empty());
  std::vector<uint8_t> host(kRows * stride);
  for (size_t i = 0; i < host.size(); i++) host[i] = static_cast<uint8_t>(i * 31 + i / 251);
  std::vector<uint8_t> expected;
  auto* addresses = reinterpret_cast<DeviceAddress*>(table.data());
  for (size_t i = 0; i < kRows; i++) {
    const size_t row = kRows - 1 - i;
    expected.insert(expected.end(), &host[row * stride], &host[row * stride] + rowBytes);
    addresses[i] = rows.address() + row * stride;
    addresses[kRows + i] = back.address() + row * stride;
  }
  std::memcpy(pinned.data(), host.data(), host.size());
  Stream stream(device);
  CHECK(stream.open() == kDeviceOk);
  const DeviceTable& run = device->table();
  CHECK(run.copyIn(rows.address(), pinned.data(), host.size(), stream.get()) == kDeviceOk);
  CHECK(run.copyIn(pointers.address(), table.data(), table.bytes(), stream.get()) == kDeviceOk);
  DeviceAddress from = pointers.address(), to = pointers.address() + kRows * sizeof(DeviceAddress), dense = batch.address();
  void* gathering[] = {&from, &rowBytes, &dense};
  void* scattering[] = {&dense, &rowBytes, &to};
  CHECK(device->launch(kernels.gather, rowBytes, kRows, stream.get(), gathering) == kDeviceOk);
  CHECK(device->launch(kernels.scatter, rowBytes, kRows, stream.get(), scattering) == kDeviceOk);
  CHECK(copied(*device, batch, pinned, stream) == expected);
  const std::vector<uint8_t> returned = copied(*device, back, pinned, stream);
  for (size_t row = 0; row < kRows; row++) CHECK(std::memcmp(&returned[row * stride], &host[row * stride], rowBytes) == 0);
}

void roundTrips(const char* device) {
  std::string error;
  const Kernels kernels(device, error);
  CHECK(error.empty());
  if (!error.empty()) {
    std::printf("%s\n", error.c_str());
    return;
  }
  roundTrip(kernels, 4096, 4096);
  roundTrip(kernels, 60000, 60064);
  roundTrip(kernels, 1, 3);
  roundTrip(kernels, 1237, 1300);
}

}  // namespace

TEST("rows are gathered and scattered by the host device as by the host, whenever the work is done") {
  for (const uint64_t seed : {0, 1, 2, 3}) {
    HostDeviceOptions options;
    options.seed = seed;
    resetHostDevice(options);
    roundTrips("host");
    CHECK(takeHostFaults().empty());
  }
}

TEST("rows are gathered and scattered by a CUDA device as by the host") {
  const CudaProbe probe = probeCuda();
  if (probe.state == CudaState::kOk) {
    roundTrips("cuda:0");
  } else {
    std::printf("SKIPPED: %s\n", probe.detail.c_str());
  }
}

TEST("a device that is not there is refused with a sentence") {
  std::string error;
  for (const char* name : {"", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "gpu:0"}) {
    CHECK(Device::open(name, error) == nullptr);
    CHECK(error == "device '" + std::string(name) + "' is unknown: host, or cuda: and a number");
  }
  CHECK(Device::open("cuda:999", error) == nullptr);
  CHECK(!error.empty());
}

MAIN_OF_TESTS
