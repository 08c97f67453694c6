// The NVIDIA driver of this host, opened at run time: neither building nor loading the add-on needs anything of CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/device_table.h"

namespace cb {

struct CudaDevice {
  int32_t index;
  std::string name;
  int32_t computeMajor;
  int32_t computeMinor;
  size_t memoryBytes;
};

enum class CudaState { kOk, kNotBuilt, kNoDriver, kNoDevice, kError };

struct CudaProbe {
  CudaState state = CudaState::kNoDriver;
  std::string detail;
  int32_t driverVersion = 0;  // e.g. 13000 for CUDA 13.0
  std::string kernels;        // what the kernels of this add-on were compiled for; empty: it has none
  std::vector<CudaDevice> devices;
};

CudaProbe probeCuda();

// The driver's functions; null with a sentence in `error` where there is none. Not initialised yet: call `init` first.
const DeviceTable* cudaDriver(std::string& error);

}  // namespace cb
