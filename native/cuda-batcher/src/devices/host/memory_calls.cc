#include "devices/host/calls.h"

#include <cstring>

#include "devices/host/state.h"

namespace cb::host {

DeviceResult allocate(DeviceAddress* address, size_t bytes) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  if (bytes == 0) return d.fault(kDeviceInvalidValue, "an allocation of 0 bytes");
  const size_t free = d.options.memoryBytes - d.memory.taken(context->device);
  Memory::Block* block =
      bytes > free || !State::spend(d.options.allocations) ? nullptr : d.memory.allocate(bytes, Memory::Kind::kDevice, context->device);
  if (block == nullptr) {
    return d.refuse(kDeviceOutOfMemory, std::to_string(bytes) + " bytes were asked for, " + std::to_string(free) + " of " +
                                            std::to_string(d.options.memoryBytes) + " are free");
  }
  *address = block->begin;
  return kDeviceOk;
}

namespace {

// Ends memory of one of these kinds, unless queued work still needs it.
DeviceResult endMemory(uintptr_t begin, Memory::Kind kind, const char* what) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  const DeviceResult entered = d.enter(context);
  if (context == nullptr) return entered;
  Memory::Block* block = d.memory.at(begin);
  const std::string sentence = what;
  if (block == nullptr || block->kind != kind) return d.fault(kDeviceInvalidValue, sentence + " that was freed, or never allocated");
  if (block->users > 0) return d.fault(kDeviceInvalidValue, sentence + " that queued work still uses");
  const bool whole = Memory::guardsWhole(*block);
  d.memory.end(block);
  if (!whole) return d.fault(kDeviceInvalidValue, sentence + " beside which something was written");
  return entered;
}

}  // namespace

DeviceResult freeMemory(DeviceAddress address) {
  return endMemory(static_cast<uintptr_t>(address), Memory::Kind::kDevice, "freed was device memory");
}

DeviceResult hostAllocate(void** data, size_t bytes, unsigned) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  if (bytes == 0) return d.fault(kDeviceInvalidValue, "an allocation of 0 bytes");
  const bool granted = State::spend(d.options.allocations);
  Memory::Block* block = granted ? d.memory.allocate(bytes, Memory::Kind::kPinned, context->device) : nullptr;
  if (block == nullptr) return d.refuse(kDeviceOutOfMemory, "no " + std::to_string(bytes) + " bytes of pinned memory are left");
  *data = reinterpret_cast<void*>(block->begin);
  return kDeviceOk;
}

DeviceResult hostFree(void* data) {
  return endMemory(reinterpret_cast<uintptr_t>(data), Memory::Kind::kPinned, "freed was pinned memory");
}

DeviceResult hostRegister(void* data, size_t bytes, unsigned) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  if (bytes == 0) return d.fault(kDeviceInvalidValue, "pinned were 0 bytes");
  if (!State::spend(d.options.allocations)) return d.refuse(kDeviceOutOfMemory, "no more memory can be pinned");
  if (d.memory.enter(data, bytes, context->device) != nullptr) return kDeviceOk;
  return d.fault(kDeviceInvalidValue, "memory was pinned that is pinned already");
}

DeviceResult hostUnregister(void* data) {
  return endMemory(reinterpret_cast<uintptr_t>(data), Memory::Kind::kRegistered, "unpinned was memory");
}

namespace {

DeviceResult copy(uintptr_t device, uintptr_t host, bool in, size_t bytes, DeviceStream* handle) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  Work work;
  work.blocks.resize(2);
  const std::string doing = in ? "copied in were" : "copied out were";
  DeviceResult result = d.enter(context);
  if (result == kDeviceOk) result = d.find(d.streams, handle, *context, "a stream", stream);
  if (result == kDeviceOk) result = d.onDevice(device, bytes, context->device, doing, work.blocks[0]);
  if (result == kDeviceOk) result = d.pinned(host, bytes, doing, work.blocks[1]);
  if (result != kDeviceOk) return result;
  auto* to = reinterpret_cast<void*>(in ? device : host);
  const auto* from = reinterpret_cast<const void*>(in ? host : device);
  work.run = [=] { std::memcpy(to, from, bytes); };
  d.push(lock, stream, std::move(work));
  return kDeviceOk;
}

}  // namespace

DeviceResult copyIn(DeviceAddress to, const void* from, size_t bytes, DeviceStream* stream) {
  return copy(static_cast<uintptr_t>(to), reinterpret_cast<uintptr_t>(from), true, bytes, stream);
}

DeviceResult copyOut(void* to, DeviceAddress from, size_t bytes, DeviceStream* stream) {
  return copy(static_cast<uintptr_t>(from), reinterpret_cast<uintptr_t>(to), false, bytes, stream);
}

}  // namespace cb::host
