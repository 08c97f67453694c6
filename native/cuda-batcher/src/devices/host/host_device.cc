#include "devices/host/host_device.h"

#include "devices/host/calls.h"
#include "devices/host/state.h"

namespace cb {

namespace {

DeviceResult errorText(DeviceResult result, const char** text) {
  switch (result) {
    case kDeviceOk:
      *text = "no error";
      break;
    case kDeviceInvalidValue:
      *text = "invalid argument";
      break;
    case kDeviceOutOfMemory:
      *text = "out of memory";
      break;
    case kDeviceInvalidDevice:
      *text = "invalid device";
      break;
    case kDeviceInvalidImage:
      *text = "invalid image";
      break;
    case kDeviceInvalidContext:
      *text = "invalid context";
      break;
    case kDeviceInvalidHandle:
      *text = "invalid handle";
      break;
    case kDeviceNotFound:
      *text = "not found";
      break;
    case kDeviceNotReady:
      *text = "not ready";
      break;
    default:
      *text = "launch failed";
  }
  return kDeviceOk;
}

const char* saidLast() { return host::lastFault().c_str(); }

}  // namespace

const DeviceTable* hostDevice() {
  using namespace host;
  static const DeviceTable table{
      init,         version,      count,       find,       name,         attribute,      deviceMemory, retain,     release,
      setCurrent,   allocate,     freeMemory,  hostAllocate, hostFree,   hostRegister,   hostUnregister, copyIn,   copyOut,
      openStream,   closeStream,  syncStream,  waitEvent,  openEvent,    closeEvent,     recordEvent,  syncEvent,  elapsed,
      loadModule,   unloadModule, function,    launch,     errorText,    saidLast};
  return &table;
}

void resetHostDevice(const HostDeviceOptions& options) {
  host::State& state = host::state();
  const host::Lock lock(state.mutex);
  for (int device = 0; device < state.options.devices; device++) state.dropAll(device);
  state.contexts = {};
  state.functions.clear();
  state.faults.clear();
  state.options = options;
  state.random.seed(options.seed);
  state.initialized = state.lost = false;
}

std::vector<std::string> takeHostFaults() {
  host::State& state = host::state();
  const host::Lock lock(state.mutex);
  return std::exchange(state.faults, {});
}

}  // namespace cb
