#include "devices/host/calls.h"

#include <cstring>

#include "devices/host/state.h"

namespace cb::host {

namespace {

constexpr int kVersion = 13000;

}  // namespace

DeviceResult init(unsigned) {
  const Lock lock(state().mutex);
  state().initialized = true;
  return kDeviceOk;
}

DeviceResult version(int* to) {
  *to = kVersion;
  return kDeviceOk;
}

DeviceResult count(int* to) {
  const Lock lock(state().mutex);
  *to = state().options.devices;
  return kDeviceOk;
}

DeviceResult find(int* device, int index) {
  const Lock lock(state().mutex);
  *device = index;
  if (!state().initialized) return state().fault(kDeviceInvalidValue, "the driver was not initialised");
  if (index >= 0 && index < state().options.devices) return kDeviceOk;
  return state().refuse(kDeviceInvalidDevice, "there is no device " + std::to_string(index));
}

DeviceResult name(char* to, int length, int) {
  std::strncpy(to, "host device", static_cast<size_t>(length));
  to[length - 1] = '\0';
  return kDeviceOk;
}

DeviceResult attribute(int* value, int, int) {
  *value = 0;  // it has no compute capability
  return kDeviceOk;
}

DeviceResult deviceMemory(size_t* bytes, int) {
  const Lock lock(state().mutex);
  *bytes = state().options.memoryBytes;
  return kDeviceOk;
}

DeviceResult retain(DeviceContext** context, int device) {
  State& d = state();
  const Lock lock(d.mutex);
  if (d.lost) return d.refuse(kDeviceLaunchFailed, "the device was lost");
  for (const auto& [number, kept] : d.contexts.all()) {
    if (kept->device != device) continue;
    kept->users++;
    *context = reinterpret_cast<DeviceContext*>(number);
    return kDeviceOk;
  }
  d.contexts.add(context, std::make_shared<Context>(Context{device, 1}), d.nextNumber++);
  return kDeviceOk;
}

namespace {

// What a context still has when its last user lets go of it.
std::string leftIn(State& d, int device) {
  std::string left;
  const auto name = [&](size_t number, const char* what) {
    if (number > 0) left += (left.empty() ? "" : ", ") + std::to_string(number) + " " + what;
  };
  size_t work = 0;
  for (const auto& [number, stream] : d.streams.all()) work += stream->device == device ? stream->queue.size() : 0;
  name(work, "pieces of queued work");
  name(d.memory.of(device).size(), "blocks of memory");
  name(d.streams.countOf(device), "streams");
  name(d.events.countOf(device), "events");
  name(d.modules.countOf(device), "modules");
  return left;
}

}  // namespace

DeviceResult release(int device) {
  State& d = state();
  const Lock lock(d.mutex);
  for (const auto& [number, kept] : d.contexts.all()) {
    if (kept->device != device) continue;
    if (--kept->users > 0) return kDeviceOk;
    const std::string left = leftIn(d, device);
    d.dropAll(device);
    d.contexts.end(reinterpret_cast<void*>(number));
    return left.empty() ? kDeviceOk : d.fault(kDeviceInvalidValue, "the context was released with " + left);
  }
  return d.fault(kDeviceInvalidContext, "a context was released that nobody retained");
}

DeviceResult setCurrent(DeviceContext* context) {
  State& d = state();
  const Lock lock(d.mutex);
  if (context != nullptr && d.contexts.find(context) == nullptr) {
    return d.fault(kDeviceInvalidContext, "a context was made current that was released");
  }
  currentContext() = reinterpret_cast<uint64_t>(context);
  return kDeviceOk;
}

}  // namespace cb::host
