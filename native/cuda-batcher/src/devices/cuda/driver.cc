#include "devices/cuda/driver.h"

#ifdef HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

#include "loading/shared_library.h"

namespace cb {

namespace {

#ifdef HAVE_CUDA
constexpr int32_t kRuntimeVersion = CUDART_VERSION;
#else
constexpr int32_t kRuntimeVersion = 0;
#endif

constexpr int kNoDeviceError = 100;
constexpr int kComputeMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
constexpr int kComputeMinor = 76;
constexpr int kVersionsPerMajor = 1000;

struct Driver {
  int (*init)(unsigned flags) = nullptr;
  int (*version)(int*) = nullptr;
  int (*deviceCount)(int*) = nullptr;
  int (*device)(int* device, int index) = nullptr;
  int (*deviceName)(char*, int length, int device) = nullptr;
  int (*deviceAttribute)(int*, int attribute, int device) = nullptr;
  int (*deviceMemory)(size_t*, int device) = nullptr;
};

bool describe(const Driver& driver, int index, CudaDevice& described) {
  int device = 0;
  char name[256] = "";
  described.index = index;
  if (driver.device(&device, index) != 0 || driver.deviceName(name, sizeof name, device) != 0) return false;
  described.name = name;
  return driver.deviceAttribute(&described.computeMajor, kComputeMajor, device) == 0 &&
         driver.deviceAttribute(&described.computeMinor, kComputeMinor, device) == 0 &&
         driver.deviceMemory(&described.memoryBytes, device) == 0;
}

CudaProbe refused(CudaProbe probe, CudaState state, std::string detail) {
  probe.state = state;
  probe.detail = std::move(detail);
  return probe;
}

}  // namespace

CudaProbe probeCuda() {
  CudaProbe probe;
  probe.runtimeVersion = kRuntimeVersion;
  auto library = wire::SharedLibrary::open("libcuda.so.1");
  if (!library.opened()) return refused(probe, CudaState::kNoDriver, "libcuda.so.1 was not found: no NVIDIA driver");
  Driver driver;
  library.find("cuInit", driver.init).find("cuDriverGetVersion", driver.version);
  library.find("cuDeviceGetCount", driver.deviceCount).find("cuDeviceGet", driver.device);
  library.find("cuDeviceGetName", driver.deviceName).find("cuDeviceGetAttribute", driver.deviceAttribute);
  library.find("cuDeviceTotalMem_v2", driver.deviceMemory);
  if (!library.error().empty()) return refused(probe, CudaState::kError, library.error());
  driver.version(&probe.driverVersion);
  const int status = driver.init(0);
  int count = 0;
  if (status == kNoDeviceError || (status == 0 && driver.deviceCount(&count) == 0 && count == 0)) {
    return refused(probe, CudaState::kNoDevice, "the NVIDIA driver sees no device");
  }
  if (status != 0) {
    return refused(probe, CudaState::kError, "cuInit answered " + std::to_string(status));
  }
  for (int index = 0; index < count; index++) {
    CudaDevice device{};
    if (describe(driver, index, device)) probe.devices.push_back(device);
  }
  if (kRuntimeVersion == 0) {
    return refused(probe, CudaState::kNotBuilt, "this add-on was built without a CUDA compiler");
  }
  if (probe.driverVersion / kVersionsPerMajor < kRuntimeVersion / kVersionsPerMajor) {
    return refused(probe, CudaState::kDriverTooOld,
                   "the driver supports CUDA " + std::to_string(probe.driverVersion / kVersionsPerMajor) +
                       ", this add-on was built for " + std::to_string(kRuntimeVersion / kVersionsPerMajor));
  }
  probe.state = CudaState::kOk;
  return probe;
}

}  // namespace cb
