// A device made of this process: the functions of the device table, computed on the CPU. It is for development and tests:
//  - queued work is done as late as the rules allow, on the thread that waits for it, so that a wait that is missing shows;
//  - memory has guards and is filled, so that what is written beside it and what is read before it was written show;
//  - what the rules forbid is refused with a sentence, where the NVIDIA driver would let some of it pass;
//  - it fails on demand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/device_table.h"

namespace cb {

constexpr size_t kHostDeviceMemoryBytes = size_t{4} << 30;

struct HostDeviceOptions {
  int devices = 1;
  size_t memoryBytes = kHostDeviceMemoryBytes;  // of each
  // 0: work is done when it is waited for, never before. Otherwise some is done earlier, by draws from this seed.
  uint64_t seed = 0;
  // So many of them succeed, the next fails; -1: all succeed. A device whose work fails is lost: all that follows fails.
  int64_t allocations = -1;
  int64_t launches = -1;
  int64_t work = -1;
};

const DeviceTable* hostDevice();

// Begins anew with these options; contexts, memory and handles of before are invalid.
void resetHostDevice(const HostDeviceOptions& options);

// What was done against the rules since it was last asked, one sentence each; at most kHostFaultsMax.
constexpr size_t kHostFaultsMax = 64;
std::vector<std::string> takeHostFaults();

}  // namespace cb
