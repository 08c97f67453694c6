// A module of the host device: functions of this process, described so that they are launched as kernels are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "devices/kernels/thread.h"

namespace cb {

constexpr size_t kHostParametersMax = 16;

struct HostParameter {
  size_t bytes;
  bool address;  // points at memory of the device, or is null
};

struct HostKernel {
  const char* name;
  size_t parameterCount;
  HostParameter parameters[kHostParametersMax];
  void (*run)(const kernels::Thread& at, void* const* parameters);
};

constexpr uint64_t kHostImageMagic = 0x4b54534f48424331;  // no fatbin begins with it

struct HostImage {
  uint64_t magic;
  const HostKernel* kernels;
  size_t count;
};

template <typename Body>
struct HostCall;
template <typename... Parameters>
struct HostCall<void (*)(const kernels::Thread&, Parameters...)> {
  template <auto body, size_t... index>
  static void run(const kernels::Thread& at, void* const* parameters, std::index_sequence<index...>) {
    body(at, *static_cast<Parameters*>(parameters[index])...);
  }

  template <auto body>
  static constexpr HostKernel describe(const char* name) {
    static_assert(sizeof...(Parameters) <= kHostParametersMax);
    return {name, sizeof...(Parameters), {HostParameter{sizeof(Parameters), std::is_pointer_v<Parameters>}...},
            [](const kernels::Thread& at, void* const* parameters) {
              run<body>(at, parameters, std::index_sequence_for<Parameters...>{});
            }};
  }
};

// Describes the body of a kernel.
template <auto body>
constexpr HostKernel hostKernel(const char* name) {
  return HostCall<decltype(body)>::template describe<body>(name);
}

}  // namespace cb
