#include "devices/cuda/driver.h"

#include <dlfcn.h>

#ifdef HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

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

template <typename Pointer>
bool find(void* library, const char* name, Pointer& function) {
  function = reinterpret_cast<Pointer>(dlsym(library, name));
  return function != nullptr;
}

bool findAll(void* library, Driver& driver) {
  return find(library, "cuInit", driver.init) && find(library, "cuDriverGetVersion", driver.version) &&
         find(library, "cuDeviceGetCount", driver.deviceCount) && find(library, "cuDeviceGet", driver.device) &&
         find(library, "cuDeviceGetName", driver.deviceName) &&
         find(library, "cuDeviceGetAttribute", driver.deviceAttribute) &&
         find(library, "cuDeviceTotalMem_v2", driver.deviceMemory);
}

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
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // never closed: drivers do not survive it
  if (library == nullptr) return refused(probe, CudaState::kNoDriver, "libcuda.so.1 was not found: no NVIDIA driver");
  Driver driver;
  if (!findAll(library, driver)) return refused(probe, CudaState::kError, "libcuda.so.1 lacks functions of the driver API");
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
