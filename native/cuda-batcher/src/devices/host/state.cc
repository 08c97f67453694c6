#include "devices/host/state.h"

namespace cb::host {

State::State() {
  queues.mayRun = [this] {
    if (!spend(options.work)) lost = true;
    return !lost;
  };
  queues.faulty = [this](const std::string& sentence) { fault(kDeviceInvalidValue, sentence); };
}

DeviceResult State::refuse(DeviceResult result, const std::string& sentence) {
  lastFault() = sentence;
  return result;
}

DeviceResult State::fault(DeviceResult result, const std::string& sentence) {
  if (faults.size() < kHostFaultsMax) faults.push_back(sentence);
  return refuse(result, sentence);
}

DeviceResult State::enter(std::shared_ptr<Context>& context) {
  context = contexts.find(reinterpret_cast<void*>(currentContext()));
  if (context == nullptr) return fault(kDeviceInvalidContext, "no context is current on this thread");
  return lost ? refuse(kDeviceLaunchFailed, "the device was lost") : kDeviceOk;
}

DeviceResult State::onDevice(uintptr_t address, size_t bytes, int device, const std::string& doing, Memory::Block*& block) {
  block = memory.holding(address, bytes);
  if (block == nullptr || block->kind != Memory::Kind::kDevice) {
    return fault(kDeviceInvalidValue, doing + " " + std::to_string(bytes) + " bytes of memory that is not allocated on the device");
  }
  if (block->device == device) return kDeviceOk;
  return fault(kDeviceInvalidValue, doing + " memory of device " + std::to_string(block->device) + ", current is device " +
                                        std::to_string(device));
}

DeviceResult State::pinned(uintptr_t address, size_t bytes, const std::string& doing, Memory::Block*& block) {
  block = memory.holding(address, bytes);
  if (block != nullptr && block->kind != Memory::Kind::kDevice) return kDeviceOk;
  return fault(kDeviceInvalidValue, doing + " " + std::to_string(bytes) + " bytes of host memory that is not pinned");
}

void State::push(Lock& lock, const std::shared_ptr<Stream>& stream, Work work) {
  queues.push(stream, std::move(work));
  if (options.seed != 0) runSome(lock);
}

void State::runSome(Lock& lock) {
  std::vector<std::shared_ptr<Stream>> ready;
  for (const auto& [number, stream] : streams.all()) {
    if (!stream->queue.empty() && Queues::isDone(stream->queue.front().waits)) ready.push_back(stream);
  }
  const uint64_t drawn = random();
  if (!ready.empty() && drawn % 2 == 0) queues.runOne(lock, ready[(drawn >> 1) % ready.size()]);
  dropIfLost();
}

DeviceResult State::runTo(Lock& lock, const Place& place) {
  queues.runTo(lock, place);
  dropIfLost();
  return lost ? refuse(kDeviceLaunchFailed, "the device was lost") : kDeviceOk;
}

void State::dropIfLost() {
  if (!lost) return;
  for (const auto& [number, stream] : streams.all()) queues.drop(*stream);
}

bool State::spend(int64_t& left) {
  if (left == 0) return false;
  if (left > 0) left--;
  return true;
}

void State::dropAll(int device) {
  for (const auto& [number, stream] : streams.all()) {
    if (stream->device == device) queues.drop(*stream);
  }
  for (const Memory::Block* block : memory.of(device)) memory.end(memory.at(block->begin));
  streams.endOf(device);
  events.endOf(device);
  modules.endOf(device);
}

State& state() {
  static auto* one = new State;
  return *one;
}

std::string& lastFault() {
  static thread_local std::string sentence;
  return sentence;
}

uint64_t& currentContext() {
  static thread_local uint64_t number = 0;
  return number;
}

}  // namespace cb::host
