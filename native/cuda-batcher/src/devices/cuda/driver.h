// What the NVIDIA driver of this host says, asked through the driver library itself (opened at run time), so that the
// answer needs no CUDA toolkit at build time and tells "no driver" from "driver too old".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cb {

struct CudaDevice {
  int32_t index;
  std::string name;
  int32_t computeMajor;
  int32_t computeMinor;
  size_t memoryBytes;
};

enum class CudaState { kOk, kNotBuilt, kNoDriver, kDriverTooOld, kNoDevice, kError };

struct CudaProbe {
  CudaState state = CudaState::kNoDriver;
  std::string detail;
  int32_t driverVersion = 0;   // e.g. 13000 for CUDA 13.0
  int32_t runtimeVersion = 0;  // what this add-on was built with; 0: without CUDA kernels
  std::vector<CudaDevice> devices;
};

CudaProbe probeCuda();

}  // namespace cb
