#include "devices/cuda/driver.h"

#include "devices/kernels/image.h"
#include "loading/shared_library.h"

namespace cb {

namespace {

struct Driver {
  DeviceTable table{};
  bool found = false;
  std::string error;
};

Driver openDriver() {
  Driver driver;
  auto library = wire::SharedLibrary::open("libcuda.so.1");
  if (!library.opened()) {
    driver.error = "libcuda.so.1 was not found: no NVIDIA driver";
    return driver;
  }
  driver.found = true;
  DeviceTable& table = driver.table;
  library.find("cuInit", table.init).find("cuDriverGetVersion", table.version);
  library.find("cuDeviceGetCount", table.count).find("cuDeviceGet", table.find);
  library.find("cuDeviceGetName", table.name).find("cuDeviceGetAttribute", table.attribute);
  library.find("cuDeviceTotalMem_v2", table.memory);
  library.find("cuDevicePrimaryCtxRetain", table.retain).find("cuDevicePrimaryCtxRelease_v2", table.release);
  library.find("cuCtxSetCurrent", table.setCurrent);
  library.find("cuMemAlloc_v2", table.allocate).find("cuMemFree_v2", table.free);
  library.find("cuMemHostAlloc", table.hostAllocate).find("cuMemFreeHost", table.hostFree);
  library.find("cuMemHostRegister_v2", table.hostRegister).find("cuMemHostUnregister", table.hostUnregister);
  library.find("cuMemcpyHtoDAsync_v2", table.copyIn).find("cuMemcpyDtoHAsync_v2", table.copyOut);
  library.find("cuStreamCreate", table.openStream).find("cuStreamDestroy_v2", table.closeStream);
  library.find("cuStreamSynchronize", table.syncStream).find("cuStreamWaitEvent", table.waitEvent);
  library.find("cuEventCreate", table.openEvent).find("cuEventDestroy_v2", table.closeEvent);
  library.find("cuEventRecord", table.recordEvent).find("cuEventSynchronize", table.syncEvent);
  library.find("cuEventElapsedTime", table.elapsed);
  library.find("cuModuleLoadData", table.loadModule).find("cuModuleUnload", table.unloadModule);
  library.find("cuModuleGetFunction", table.function).find("cuLaunchKernel", table.launch);
  library.find("cuGetErrorString", table.errorText);
  table.lastFault = [] { return static_cast<const char*>(nullptr); };
  driver.error = library.error();
  return driver;
}

const Driver& theDriver() {
  static const Driver* driver = new Driver(openDriver());  // never closed: threads of the driver outlive everything
  return *driver;
}

bool describe(const DeviceTable& driver, int index, CudaDevice& described) {
  int device = 0;
  char name[256] = "";
  described.index = index;
  if (driver.find(&device, index) != kDeviceOk || driver.name(name, sizeof name, device) != kDeviceOk) return false;
  described.name = name;
  return driver.attribute(&described.computeMajor, kDeviceComputeMajor, device) == kDeviceOk &&
         driver.attribute(&described.computeMinor, kDeviceComputeMinor, device) == kDeviceOk &&
         driver.memory(&described.memoryBytes, device) == kDeviceOk;
}

CudaProbe refused(CudaProbe probe, CudaState state, std::string detail) {
  probe.state = state;
  probe.detail = std::move(detail);
  return probe;
}

}  // namespace

const DeviceTable* cudaDriver(std::string& error) {
  const Driver& driver = theDriver();
  error = driver.error;
  return driver.error.empty() ? &driver.table : nullptr;
}

CudaProbe probeCuda() {
  CudaProbe probe;
  probe.kernels = cudaKernelImage() == nullptr ? "" : kCudaKernelTargets;
  std::string error;
  const DeviceTable* driver = cudaDriver(error);
  if (driver == nullptr) return refused(probe, theDriver().found ? CudaState::kError : CudaState::kNoDriver, error);
  driver->version(&probe.driverVersion);
  const DeviceResult status = driver->init(0);
  int count = 0;
  if (status == kDeviceNone || (status == kDeviceOk && driver->count(&count) == kDeviceOk && count == 0)) {
    return refused(probe, CudaState::kNoDevice, "the NVIDIA driver sees no device");
  }
  if (status != kDeviceOk) return refused(probe, CudaState::kError, "cuInit answered " + std::to_string(status));
  for (int index = 0; index < count; index++) {
    CudaDevice device{};
    if (describe(*driver, index, device)) probe.devices.push_back(device);
  }
  if (probe.kernels.empty()) return refused(probe, CudaState::kNotBuilt, "this add-on was built without a CUDA compiler");
  probe.state = CudaState::kOk;
  return probe;
}

}  // namespace cb
