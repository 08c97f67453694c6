#include "devices/cuda/rows.h"

#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

#include "check.h"
#include "process/slab_arena.h"
#include "devices/cuda/driver.h"
#include "devices/cuda/pinned.h"

using namespace cb;

namespace {

constexpr size_t kRows = 37;

// Says aloud why a device test did not run; ctest then lists it as skipped.
bool skipped() {
  const CudaProbe probe = probeCuda();
  if (probe.state == CudaState::kOk) return false;
  std::printf("SKIPPED: %s\n", probe.detail.c_str());
  return true;
}

// Scattered rows, gathered and scattered again on the device, compared with what the host makes of them.
void roundTrip(size_t rowBytes, size_t stride) {
  std::vector<uint8_t> host(kRows * stride);
  for (size_t i = 0; i < host.size(); i++) host[i] = static_cast<uint8_t>(i * 31 + i / 251);
  std::vector<uint8_t> expected;
  for (size_t row = kRows; row-- > 0;) {
    expected.insert(expected.end(), &host[row * stride], &host[row * stride] + rowBytes);
  }
  uint8_t* rows = nullptr;
  uint8_t* back = nullptr;
  uint8_t* batch = nullptr;
  void** pointers = nullptr;
  CHECK(cudaMalloc(reinterpret_cast<void**>(&rows), host.size()) == cudaSuccess);
  CHECK(cudaMalloc(reinterpret_cast<void**>(&back), host.size()) == cudaSuccess);
  CHECK(cudaMalloc(reinterpret_cast<void**>(&batch), kRows * rowBytes) == cudaSuccess);
  CHECK(cudaMalloc(reinterpret_cast<void**>(&pointers), 2 * kRows * sizeof(void*)) == cudaSuccess);
  std::vector<void*> table;
  for (size_t row = kRows; row-- > 0;) table.push_back(rows + row * stride);
  for (size_t row = kRows; row-- > 0;) table.push_back(back + row * stride);
  cudaMemcpy(rows, host.data(), host.size(), cudaMemcpyHostToDevice);
  cudaMemcpy(pointers, table.data(), table.size() * sizeof(void*), cudaMemcpyHostToDevice);
  CHECK(gatherRows(pointers, kRows, rowBytes, batch, nullptr) == 0);
  CHECK(scatterRows(batch, kRows, rowBytes, pointers + kRows, nullptr) == 0);
  std::vector<uint8_t> gathered(kRows * rowBytes);
  std::vector<uint8_t> returned(host.size());
  CHECK(cudaMemcpy(gathered.data(), batch, gathered.size(), cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(cudaMemcpy(returned.data(), back, returned.size(), cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(gathered == expected);
  for (size_t row = 0; row < kRows; row++) {
    CHECK(std::memcmp(&returned[row * stride], &host[row * stride], rowBytes) == 0);
  }
  for (void* memory : {static_cast<void*>(rows), static_cast<void*>(back), static_cast<void*>(batch),
                       static_cast<void*>(pointers)}) {
    cudaFree(memory);
  }
}

}  // namespace

TEST("aligned rows are gathered and scattered as on the host") {
  if (skipped()) return;
  roundTrip(4096, 4096);
  roundTrip(602112, 602112);
}

TEST("odd rows are gathered and scattered as on the host") {
  if (skipped()) return;
  roundTrip(1, 3);
  roundTrip(1237, 1300);
}

TEST("an arena is pinned") {
  if (skipped()) return;
  SlabArena arena(1 << 20, 4);
  const Pinned pinned(arena.data(), arena.bytes());
  CHECK(pinned.pinned());
}

TEST("without a device pinning is refused, and nothing else happens") {
  if (probeCuda().state == CudaState::kOk) {
    std::printf("SKIPPED: there is a device\n");
    return;
  }
  SlabArena arena(1 << 20, 1);
  const Pinned pinned(arena.data(), arena.bytes());
  CHECK(!pinned.pinned() && pinned.error() != 0);
  arena.data()[0] = 1;
}

MAIN_OF_TESTS
