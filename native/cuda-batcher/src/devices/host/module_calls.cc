#include "devices/host/calls.h"

#include <cstring>

#include "devices/host/state.h"

namespace cb::host {

namespace {

constexpr unsigned kThreadsMax = 1024;  // of a block, as on every device of NVIDIA's
constexpr unsigned kGridYMax = 65535;

}  // namespace

DeviceResult loadModule(DeviceModule** handle, const void* bytes) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  const auto* image = static_cast<const HostImage*>(bytes);
  if (image == nullptr || image->magic != kHostImageMagic) return d.fault(kDeviceInvalidImage, "the image is none of a host device");
  d.modules.add(handle, std::make_shared<Module>(Module{context->device, image}), d.nextNumber++);
  return kDeviceOk;
}

DeviceResult unloadModule(DeviceModule* handle) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Module> module;
  const DeviceResult entered = d.enter(context);
  if (context == nullptr) return entered;
  if (const DeviceResult result = d.find(d.modules, handle, *context, "a module", module); result != kDeviceOk) return result;
  d.modules.end(handle);
  for (auto one = d.functions.begin(); one != d.functions.end();) {
    one = one->second.module == module ? d.functions.erase(one) : std::next(one);
  }
  return entered;
}

DeviceResult function(DeviceFunction** to, DeviceModule* handle, const char* wanted) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Module> module;
  if (const DeviceResult result = d.enterWith(d.modules, handle, "a module", module); result != kDeviceOk) return result;
  const HostImage& image = *module->image;
  for (const HostKernel* kernel = image.kernels; kernel != image.kernels + image.count; kernel++) {
    if (std::strcmp(kernel->name, wanted) != 0) continue;
    const uint64_t number = d.nextNumber++;
    d.functions[number] = {module, kernel};
    *to = reinterpret_cast<DeviceFunction*>(number);
    return kDeviceOk;
  }
  return d.refuse(kDeviceNotFound, std::string("the module has no kernel ") + wanted);
}

namespace {

// Values of a launch, copied as the driver copies them.
struct Parameters {
  uint64_t values[kHostParametersMax];
  void* places[kHostParametersMax];
};

std::function<void()> gridOf(const HostKernel* kernel, std::shared_ptr<Parameters> parameters, unsigned gridX, unsigned gridY,
                             unsigned threads) {
  return [=] {
    kernels::Thread at{0, gridX, 0, threads, 0};
    for (at.row = 0; at.row < gridY; at.row++) {
      for (at.block = 0; at.block < gridX; at.block++) {
        for (at.thread = 0; at.thread < threads; at.thread++) kernel->run(at, parameters->places);
      }
    }
  };
}

// Blocks that a kernel is given addresses of, each once.

DeviceResult blocksOf(State& d, const HostKernel& kernel, const Parameters& parameters, int device,
                      std::vector<Memory::Block*>& blocks) {
  for (size_t i = 0; i < kernel.parameterCount; i++) {
    if (!kernel.parameters[i].address || parameters.values[i] == 0) continue;
    Memory::Block* block = nullptr;
    const std::string doing = std::string("kernel ") + kernel.name + " is given, as parameter " + std::to_string(i) + ",";
    if (const DeviceResult result = d.onDevice(parameters.values[i], 1, device, doing, block); result != kDeviceOk) return result;
    if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) blocks.push_back(block);
  }
  return kDeviceOk;
}

}  // namespace

DeviceResult launch(DeviceFunction* handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                    unsigned blockZ, unsigned sharedBytes, DeviceStream* streamHandle, void** given, void**) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  DeviceResult result = d.enter(context);
  if (result == kDeviceOk) result = d.find(d.streams, streamHandle, *context, "a stream", stream);
  if (result != kDeviceOk) return result;
  const auto found = d.functions.find(reinterpret_cast<uint64_t>(handle));
  if (found == d.functions.end()) return d.fault(kDeviceInvalidHandle, "launched was a kernel whose module was unloaded");
  const HostKernel* kernel = found->second.kernel;
  const std::string named = std::string("kernel ") + kernel->name;
  const bool served = gridZ == 1 && blockY == 1 && blockZ == 1 && sharedBytes == 0;  // all that kernels here ask for
  if (!served || gridX == 0 || gridY == 0 || gridY > kGridYMax || blockX == 0 || blockX > kThreadsMax) {
    return d.fault(kDeviceInvalidValue, named + " is launched with a grid that is not taken");
  }
  if (!State::spend(d.options.launches)) return d.refuse(kDeviceInvalidValue, named + " was not launched");
  auto parameters = std::make_shared<Parameters>();
  for (size_t i = 0; i < kernel->parameterCount; i++) {
    parameters->values[i] = 0;
    std::memcpy(&parameters->values[i], given[i], kernel->parameters[i].bytes);
    parameters->places[i] = &parameters->values[i];
  }
  Work work;
  if (result = blocksOf(d, *kernel, *parameters, context->device, work.blocks); result != kDeviceOk) return result;
  work.run = gridOf(kernel, parameters, gridX, gridY, blockX);
  work.check = [name = kernel->name, blocks = work.blocks] {
    const auto whole = [](const Memory::Block* block) { return Memory::guardsWhole(*block); };
    return std::all_of(blocks.begin(), blocks.end(), whole) ? std::string() : std::string("kernel ") + name + " wrote beside the memory that it was given";
  };
  d.push(lock, stream, std::move(work));
  return kDeviceOk;
}

}  // namespace cb::host
