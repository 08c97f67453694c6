// What the host device refuses: each against the rules of the CUDA driver, or a trap of it.
#include <thread>

#include "check.h"
#include "devices/host_bench.h"

using namespace cb;

TEST("copies from and to memory that is not pinned") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  const DeviceAddress on = bench.memory();
  std::vector<uint32_t> pageable(kCount);
  CHECK(bench.table.copyIn(on, pageable.data(), kCount * 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied in were 256 bytes of host memory that is not pinned");
  CHECK(bench.table.copyOut(pageable.data(), on, kCount * 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied out were 256 bytes of host memory that is not pinned");
  CHECK(bench.table.hostRegister(pageable.data(), kCount * 4, 0) == kDeviceOk);
  CHECK(bench.table.copyOut(pageable.data(), on, kCount * 4, stream) == kDeviceOk);
  CHECK(bench.table.hostUnregister(pageable.data()) == kDeviceInvalidValue);
  CHECK(theFault() == "unpinned was memory that queued work still uses");
  bench.table.syncStream(stream);
  CHECK(bench.table.hostUnregister(pageable.data()) == kDeviceOk);
  CHECK(bench.table.hostUnregister(pageable.data()) == kDeviceInvalidValue);
  CHECK(theFault() == "unpinned was memory that was freed, or never allocated");
}

TEST("memory that is pinned twice") {
  const HostBench bench;
  std::vector<uint8_t> data(4096);
  CHECK(bench.table.hostRegister(data.data() + 1000, 1000, 0) == kDeviceOk);
  for (const size_t begin : {0, 500, 1000, 1999}) {
    CHECK(bench.table.hostRegister(data.data() + begin, 1001, 0) == kDeviceInvalidValue);
    CHECK(theFault() == "memory was pinned that is pinned already");
  }
  CHECK(bench.table.hostRegister(data.data() + 2000, 1000, 0) == kDeviceOk);
  CHECK(bench.table.hostRegister(data.data(), 1000, 0) == kDeviceOk);
}

TEST("copies beyond the end of an allocation, and of memory that was freed") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  uint32_t* in = bench.pinned(kCount * 8);
  const DeviceAddress on = bench.memory();
  CHECK(bench.table.copyIn(on + 4, in, kCount * 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied in were 256 bytes of memory that is not allocated on the device");
  CHECK(bench.table.copyIn(on, in + kCount + 1, kCount * 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied in were 256 bytes of host memory that is not pinned");
  CHECK(bench.table.copyIn(on, in, kCount * 4, stream) == kDeviceOk);
  CHECK(bench.table.free(on) == kDeviceInvalidValue);
  CHECK(theFault() == "freed was device memory that queued work still uses");
  bench.table.syncStream(stream);
  CHECK(bench.table.free(on) == kDeviceOk);
  CHECK(bench.table.free(on) == kDeviceInvalidValue);
  CHECK(theFault() == "freed was device memory that was freed, or never allocated");
  CHECK(bench.table.copyIn(on, in, kCount * 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied in were 256 bytes of memory that is not allocated on the device");
}

TEST("kernels that are given other memory, or write beside theirs") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  const DeviceAddress from = bench.memory(), to = bench.memory();
  const auto host = static_cast<DeviceAddress>(reinterpret_cast<uintptr_t>(bench.pinned()));
  CHECK(bench.launchTwice(host, to, kCount, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "kernel twice is given, as parameter 0, 1 bytes of memory that is not allocated on the device");
  CHECK(bench.launchTwice(from, to, kCount + 1, stream) == kDeviceOk);
  CHECK(takeHostFaults().empty());
  bench.table.syncStream(stream);
  CHECK(theFault() == "kernel twice wrote beside the memory that it was given");
  CHECK(bench.table.free(to) == kDeviceInvalidValue);
  CHECK(theFault() == "freed was device memory beside which something was written");
}

TEST("events that were never recorded, and handles that were closed") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  DeviceEvent* event = bench.event();
  DeviceEvent* other = bench.event();
  float ms = 0;
  CHECK(bench.table.waitEvent(stream, event, 0) == kDeviceInvalidHandle);
  CHECK(theFault() == "a stream was to wait for an event that was never recorded");
  CHECK(bench.table.syncEvent(event) == kDeviceInvalidHandle);
  CHECK(theFault() == "an event was waited for that was never recorded");
  bench.table.recordEvent(event, stream);
  CHECK(bench.table.elapsed(&ms, event, other) == kDeviceInvalidHandle);
  CHECK(theFault() == "the time between events of which one was never recorded");
  CHECK(bench.table.closeEvent(other) == kDeviceOk);
  CHECK(bench.table.closeEvent(other) == kDeviceInvalidHandle);
  CHECK(theFault() == "an event was closed, or never opened");
  CHECK(bench.table.closeStream(stream) == kDeviceInvalidHandle);
  CHECK(theFault() == "a stream was closed with work that nobody had waited for");
  CHECK(bench.table.syncStream(stream) == kDeviceInvalidHandle);
  CHECK(theFault() == "a stream was closed, or never opened");
}

TEST("calls without a context, and handles of another device's") {
  HostDeviceOptions options;
  options.devices = 2;
  const HostBench bench(options);
  DeviceStream* stream = bench.stream();
  std::thread([&] {
    CHECK(bench.memory() == 0);
    CHECK(theFault() == "no context is current on this thread");
  }).join();
  DeviceContext* second = nullptr;
  CHECK(bench.table.retain(&second, 1) == kDeviceOk);
  CHECK(bench.table.setCurrent(second) == kDeviceOk);
  CHECK(bench.table.syncStream(stream) == kDeviceInvalidHandle);
  CHECK(theFault() == "a stream is of device 0, current is device 1");
  const DeviceAddress there = bench.memory();
  uint32_t* in = bench.pinned();
  bench.table.setCurrent(bench.context);
  CHECK(bench.table.copyIn(there, in, 4, stream) == kDeviceInvalidValue);
  CHECK(theFault() == "copied in were memory of device 1, current is device 0");
  int device = 0;
  CHECK(bench.table.find(&device, 2) == kDeviceInvalidDevice);
  CHECK(takeHostFaults().empty());
}

TEST("a context that is released with what is left in it, and calls to it afterwards") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  const DeviceAddress on = bench.memory();
  bench.launchTwice(on, on, kCount, stream);
  CHECK(bench.table.release(0) == kDeviceInvalidValue);
  CHECK(theFault() == "the context was released with 1 pieces of queued work, 1 blocks of memory, 1 streams, 1 modules");
  CHECK(bench.memory() == 0);
  CHECK(theFault() == "no context is current on this thread");
  CHECK(bench.table.setCurrent(bench.context) == kDeviceInvalidContext);
  CHECK(theFault() == "a context was made current that was released");
  CHECK(bench.table.release(0) == kDeviceInvalidContext);
  CHECK(theFault() == "a context was released that nobody retained");
}

TEST("modules that are none, kernels that are not there, and grids that no device takes") {
  const HostBench bench;
  DeviceStream* stream = bench.stream();
  const DeviceAddress on = bench.memory();
  DeviceModule* module = nullptr;
  const uint64_t bytes[] = {0x50ed55ba, 1, 2};  // what a fatbin begins with
  CHECK(bench.table.loadModule(&module, bytes) == kDeviceInvalidImage);
  CHECK(theFault() == "the image is none of a host device");
  DeviceFunction* kernel = nullptr;
  CHECK(bench.table.function(&kernel, bench.module, "thrice") == kDeviceNotFound);
  CHECK(std::strcmp(bench.table.lastFault(), "the module has no kernel thrice") == 0);
  for (const unsigned threads : {0U, 1025U}) {
    CHECK(bench.table.launch(bench.kernel, 1, 1, 1, threads, 1, 1, 0, stream, nullptr, nullptr) == kDeviceInvalidValue);
    CHECK(theFault() == "kernel twice is launched with a grid that is not taken");
  }
  CHECK(bench.table.unloadModule(bench.module) == kDeviceOk);
  CHECK(bench.launchTwice(on, on, kCount, stream) == kDeviceInvalidHandle);
  CHECK(theFault() == "launched was a kernel whose module was unloaded");
}

MAIN_OF_TESTS
