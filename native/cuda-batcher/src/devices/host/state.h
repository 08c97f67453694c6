// What the functions of a host device know, and what they begin with.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "devices/host/host_device.h"
#include "devices/host/kernel_image.h"
#include "devices/host/memory.h"
#include "devices/host/queues.h"

namespace cb::host {

using Lock = std::unique_lock<std::mutex>;

struct Module {
  int device;
  const HostImage* image;
};

struct Function {
  std::shared_ptr<Module> module;
  const HostKernel* kernel;
};

struct Context {
  int device;
  int users = 0;
};

// A handle that a caller has is a number that is given out once, so that one that ended is known to have.
template <typename Kept>
class Handles {
 public:
  template <typename Handle>
  void add(Handle** handle, std::shared_ptr<Kept> kept, uint64_t number) {
    kept_[number] = std::move(kept);
    *handle = reinterpret_cast<Handle*>(number);
  }
  std::shared_ptr<Kept> find(const void* handle) const {
    const auto found = kept_.find(reinterpret_cast<uint64_t>(handle));
    return found == kept_.end() ? nullptr : found->second;
  }
  void end(const void* handle) { kept_.erase(reinterpret_cast<uint64_t>(handle)); }
  size_t countOf(int device) const {
    return static_cast<size_t>(std::count_if(kept_.begin(), kept_.end(), [&](const auto& one) { return one.second->device == device; }));
  }
  void endOf(int device) {
    for (auto one = kept_.begin(); one != kept_.end();) one = one->second->device == device ? kept_.erase(one) : std::next(one);
  }
  const std::unordered_map<uint64_t, std::shared_ptr<Kept>>& all() const { return kept_; }

 private:
  std::unordered_map<uint64_t, std::shared_ptr<Kept>> kept_;
};

struct State {
  State();

  // A failure that is no fault of the caller's.
  DeviceResult refuse(DeviceResult result, const std::string& sentence);
  DeviceResult fault(DeviceResult result, const std::string& sentence);
  // What every call about a context begins with; null where none is current.
  DeviceResult enter(std::shared_ptr<Context>& context);
  template <typename Kept>
  DeviceResult find(const Handles<Kept>& among, const void* handle, const Context& context, const char* what,
                    std::shared_ptr<Kept>& kept) {
    kept = among.find(handle);
    if (kept == nullptr) return fault(kDeviceInvalidHandle, std::string(what) + " was closed, or never opened");
    if (kept->device == context.device) return kDeviceOk;
    return fault(kDeviceInvalidHandle, std::string(what) + " is of device " + std::to_string(kept->device) + ", current is device " +
                                           std::to_string(context.device));
  }
  // What a call with a handle begins with where nothing is closed: enters, and finds what the handle is of.
  template <typename Kept>
  DeviceResult enterWith(const Handles<Kept>& among, const void* handle, const char* what, std::shared_ptr<Kept>& kept) {
    std::shared_ptr<Context> context;
    const DeviceResult result = enter(context);
    return result == kDeviceOk ? find(among, handle, *context, what, kept) : result;
  }
  // Whether all of this memory is a device's, and its own; `block` is that which holds it.
  DeviceResult onDevice(uintptr_t address, size_t bytes, int device, const std::string& doing, Memory::Block*& block);
  DeviceResult pinned(uintptr_t address, size_t bytes, const std::string& doing, Memory::Block*& block);
  void push(Lock& lock, const std::shared_ptr<Stream>& stream, Work work);
  // Does what is queued up to a place, and says whether the device is still there.
  DeviceResult runTo(Lock& lock, const Place& place);
  // Whether one more of what fails on demand succeeds.
  static bool spend(int64_t& left);
  void dropAll(int device);

  std::mutex mutex;
  HostDeviceOptions options;
  bool initialized = false;
  bool lost = false;
  uint64_t nextNumber = 0x1000;
  std::mt19937_64 random;
  Memory memory;
  Queues queues;
  Handles<Context> contexts;
  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Module> modules;
  std::unordered_map<uint64_t, Function> functions;
  std::vector<std::string> faults;

 private:
  void runSome(Lock& lock);
  void dropIfLost();
};

// One per process, never destroyed: threads may call until the end.
State& state();

// Of the calling thread.
std::string& lastFault();
uint64_t& currentContext();

}  // namespace cb::host
