// What the host device computes, and when.
#include "check.h"
#include "devices/host_bench.h"

using namespace cb;

namespace {

HostDeviceOptions seeded(uint64_t seed) {
  HostDeviceOptions options;
  options.seed = seed;
  return options;
}

void fill(uint32_t* data, uint32_t first) {
  for (size_t i = 0; i < kCount; i++) data[i] = first + static_cast<uint32_t>(i);
}

bool holds(const uint32_t* data, uint32_t first, uint32_t factor) {
  for (size_t i = 0; i < kCount; i++) {
    if (data[i] != factor * (first + static_cast<uint32_t>(i))) return false;
  }
  return true;
}

}  // namespace

TEST("work is done when it is waited for, in the order of its stream") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  uint32_t* in = bench.pinned();
  uint32_t* out = bench.pinned();
  const DeviceAddress from = bench.memory(), to = bench.memory();
  fill(in, 1);
  std::memset(out, 0, kCount * 4);
  CHECK(bench.table.copyIn(from, in, kCount * 4, stream) == kDeviceOk);
  CHECK(bench.launchTwice(from, to, kCount, stream) == kDeviceOk);
  CHECK(bench.table.copyOut(out, to, kCount * 4, stream) == kDeviceOk);
  CHECK(out[0] == 0);
  CHECK(bench.table.syncStream(stream) == kDeviceOk);
  CHECK(holds(out, 1, 2));
  CHECK(takeHostFaults().empty());
}

TEST("an event orders two streams, by its record of when the wait was asked for") {
  for (uint64_t seed = 0; seed < 32; seed++) {
    const HostBench bench(seeded(seed));
    DeviceStream* first = bench.stream();
    DeviceStream* second = bench.stream();
    DeviceEvent* copied = bench.event();
    uint32_t* in = bench.pinned();
    uint32_t* out = bench.pinned();
    const DeviceAddress from = bench.memory(), to = bench.memory();
    fill(in, 5);
    bench.table.copyIn(from, in, kCount * 4, first);
    bench.table.recordEvent(copied, first);
    bench.table.waitEvent(second, copied, 0);
    bench.launchTwice(from, to, kCount, second);
    bench.table.copyOut(out, to, kCount * 4, second);
    bench.table.recordEvent(copied, first);  // of a later round: nobody waits for it
    CHECK(bench.table.syncStream(second) == kDeviceOk);
    CHECK(holds(out, 5, 2));
    CHECK(bench.table.syncEvent(copied) == kDeviceOk);
    CHECK(takeHostFaults().empty());
  }
}

// With the wait in place this is the test above: without it the order is chance, and memory that was never written shows.
TEST("a wait that is missing shows") {
  int wrong = 0;
  for (uint64_t seed = 0; seed < 32; seed++) {
    const HostBench bench(seeded(seed));
    DeviceStream* first = bench.stream();
    DeviceStream* second = bench.stream();
    uint32_t* in = bench.pinned();
    uint32_t* out = bench.pinned();
    const DeviceAddress from = bench.memory(), to = bench.memory();
    fill(in, 5);
    bench.table.copyIn(from, in, kCount * 4, first);
    bench.launchTwice(from, to, kCount, second);
    bench.table.copyOut(out, to, kCount * 4, second);
    bench.table.syncStream(second);
    if (!holds(out, 5, 2)) wrong++;
  }
  CHECK(wrong > 0);
}

TEST("the time between events is that of the work between them") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  DeviceEvent* start = bench.event();
  DeviceEvent* end = bench.event();
  const DeviceAddress from = bench.memory(), to = bench.memory();
  bench.table.recordEvent(start, stream);
  bench.launchTwice(from, to, kCount, stream);
  bench.table.recordEvent(end, stream);
  float ms = -1;
  CHECK(bench.table.elapsed(&ms, start, end) == kDeviceNotReady);
  CHECK(theFault() == "the time between events that are not both done");
  CHECK(bench.table.syncEvent(end) == kDeviceOk);
  CHECK(bench.table.elapsed(&ms, start, end) == kDeviceOk);
  CHECK(ms >= 0);
}

TEST("memory has an end, and freed memory is there again") {
  HostDeviceOptions options;
  options.memoryBytes = 1000;
  const HostBench bench(options);
  const DeviceAddress most = bench.memory(900);
  DeviceAddress more = 0;
  CHECK(bench.table.allocate(&more, 101) == kDeviceOutOfMemory);
  CHECK(std::strcmp(bench.table.lastFault(), "101 bytes were asked for, 100 of 1000 are free") == 0);
  CHECK(bench.table.free(most) == kDeviceOk);
  CHECK(bench.table.allocate(&more, 1000) == kDeviceOk);
  CHECK(takeHostFaults().empty());
}

TEST("allocations and launches fail on demand") {
  HostDeviceOptions options;
  options.allocations = 2;
  options.launches = 1;
  const HostBench bench(options);
  const DeviceAddress from = bench.memory();
  const uint32_t* pinned = bench.pinned();
  CHECK(from != 0 && pinned != nullptr);
  CHECK(bench.memory() == 0 && bench.pinned() == nullptr);
  DeviceStream* stream = bench.stream();
  CHECK(bench.launchTwice(from, from, kCount, stream) == kDeviceOk);
  CHECK(bench.launchTwice(from, from, kCount, stream) == kDeviceInvalidValue);
  CHECK(std::strcmp(bench.table.lastFault(), "kernel twice was not launched") == 0);
  CHECK(bench.table.syncStream(stream) == kDeviceOk);
  CHECK(takeHostFaults().empty());
}

TEST("a device that is lost amid its work fails all that follows, and can be cleared away") {
  HostDeviceOptions options;
  options.work = 1;
  const HostBench bench(options);
  DeviceStream* stream = bench.stream();
  DeviceStream* other = bench.stream();
  DeviceEvent* event = bench.event();
  uint32_t* in = bench.pinned();
  const DeviceAddress from = bench.memory();
  bench.table.copyIn(from, in, kCount * 4, stream);
  bench.launchTwice(from, from, kCount, stream);
  bench.launchTwice(from, from, kCount, other);
  CHECK(bench.table.syncStream(stream) == kDeviceLaunchFailed);
  CHECK(std::strcmp(bench.table.lastFault(), "the device was lost") == 0);
  CHECK(bench.table.copyIn(from, in, kCount * 4, stream) == kDeviceLaunchFailed);
  CHECK(bench.memory() == 0);
  for (DeviceStream* one : {stream, other}) CHECK(bench.table.closeStream(one) == kDeviceLaunchFailed);
  CHECK(bench.table.closeEvent(event) == kDeviceLaunchFailed);
  CHECK(bench.table.free(from) == kDeviceLaunchFailed);
  CHECK(bench.table.hostFree(in) == kDeviceLaunchFailed);
  CHECK(bench.table.unloadModule(bench.module) == kDeviceLaunchFailed);
  CHECK(bench.table.release(0) == kDeviceOk);
  CHECK(takeHostFaults().empty());
}

MAIN_OF_TESTS
