#include "devices/device.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "devices/cuda/driver.h"
#include "devices/host/host_device.h"
#include "devices/kernels/image.h"

namespace cb {

namespace {

constexpr const char* kHost = "host";
constexpr const char* kCudaPrefix = "cuda:";
constexpr size_t kIndexDigitsMax = 3;

// The number behind `cuda:`; -1: there is none.
int cudaIndex(const std::string& name) {
  const size_t prefix = std::char_traits<char>::length(kCudaPrefix);
  if (name.rfind(kCudaPrefix, 0) != 0 || name.size() == prefix || name.size() > prefix + kIndexDigitsMax) return -1;
  const bool digits = std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::stoi(name.substr(prefix)) : -1;
}

}  // namespace

std::shared_ptr<const Device> Device::open(const std::string& name, std::string& error) {
  static std::mutex mutex;
  static auto* opened = new std::map<std::string, std::weak_ptr<const Device>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const Device> device = (*opened)[name].lock();
  if (device != nullptr) return device;
  device = openNew(name, error);
  (*opened)[name] = device;
  return device;
}

std::shared_ptr<const Device> Device::openNew(const std::string& name, std::string& error) {
  const int index = name == kHost ? 0 : cudaIndex(name);
  if (index < 0) {
    error = "device '" + name + "' is unknown: host, or cuda: and a number";
    return nullptr;
  }
  const DeviceTable* table = name == kHost ? hostDevice() : cudaDriver(error);
  const void* image = name == kHost ? hostKernelImage() : cudaKernelImage();
  if (table == nullptr) return nullptr;
  if (image == nullptr) {
    error = "this add-on was built without a CUDA compiler";
    return nullptr;
  }
  int found = 0;
  DeviceResult result = table->init(0);
  if (result == kDeviceOk) result = table->find(&found, index);
  std::shared_ptr<Device> device(new Device(*table, found));
  error = result == kDeviceOk ? device->load(image) : device->sentence("finding the device", result);
  return error.empty() ? device : nullptr;
}

// Answers a sentence, empty on success.
std::string Device::load(const void* image) {
  char name[256] = "";
  if (const DeviceResult result = table_.name(name, sizeof name, device_); result != kDeviceOk) return sentence("naming the device", result);
  description_ = name;
  if (const DeviceResult result = table_.retain(&context_, device_); result != kDeviceOk) {
    context_ = nullptr;
    return sentence("opening the device's context", result);
  }
  DeviceResult result = enter();
  if (result == kDeviceOk) result = table_.loadModule(&module_, image);
  if (result == kDeviceOk) return {};
  module_ = nullptr;
  const bool foreign = result == kDeviceNoBinary || result == kDevicePtxTooNew;
  const std::string compiled = foreign ? std::string("; they were compiled for ") + kCudaKernelTargets : "";
  return sentence("loading the kernels", result) + compiled;
}

Device::~Device() {
  if (context_ == nullptr) return;
  enter();
  if (module_ != nullptr) table_.unloadModule(module_);
  table_.release(device_);
}

DeviceFunction* Device::kernel(const char* name, std::string& error) const {
  DeviceFunction* function = nullptr;
  const DeviceResult result = table_.function(&function, module_, name);
  if (result == kDeviceOk) return function;
  error = sentence("looking for a kernel", result);
  return nullptr;
}

DeviceResult Device::launch(DeviceFunction* kernel, size_t items, unsigned rows, DeviceStream* stream, void** parameters) const {
  const size_t blocks = std::clamp<size_t>((items + kBlockThreads - 1) / kBlockThreads, 1, kBlocksMax);
  return table_.launch(kernel, static_cast<unsigned>(blocks), rows, 1, kBlockThreads, 1, 1, 0, stream, parameters, nullptr);
}

std::string Device::sentence(const char* doing, DeviceResult result) const {
  const char* text = nullptr;
  if (table_.errorText(result, &text) != kDeviceOk || text == nullptr) text = "an unknown error";
  const char* fault = table_.lastFault();
  const std::string said = fault == nullptr || *fault == '\0' ? "" : std::string(": ") + fault;
  return std::string(doing) + " failed with " + std::to_string(result) + " (" + text + ")" + said;
}

DeviceMemory::~DeviceMemory() { clear(); }

std::string DeviceMemory::grow(size_t bytes) {
  if (bytes <= bytes_) return {};
  clear();
  DeviceResult result = kDeviceOk;
  if (place_ == Place::kDevice) {
    result = device_->table().allocate(&address_, bytes);
  } else {
    void* data = nullptr;
    result = device_->table().hostAllocate(&data, bytes, 0);
    address_ = reinterpret_cast<DeviceAddress>(data);
  }
  if (result == kDeviceOk) {
    bytes_ = bytes;
    return {};
  }
  address_ = 0;
  return device_->sentence(place_ == Place::kDevice ? "allocating device memory" : "allocating pinned memory", result);
}

void DeviceMemory::clear() {
  if (address_ == 0) return;
  if (place_ == Place::kDevice) {
    device_->table().free(address_);
  } else {
    device_->table().hostFree(data());
  }
  address_ = 0;
  bytes_ = 0;
}

Stream::~Stream() {
  if (stream_ != nullptr) device_->table().closeStream(stream_);
}

Event::~Event() {
  if (event_ != nullptr) device_->table().closeEvent(event_);
}

}  // namespace cb
