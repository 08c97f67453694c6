// The functions that a device is driven by: those of the CUDA driver API that are used here, with its semantics and result codes.
// The NVIDIA driver fills the table, and so does the host device; no header of CUDA is needed for either.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cb {

using DeviceResult = int32_t;
// Results that are told apart here, numbered as the driver does.
constexpr DeviceResult kDeviceOk = 0;
constexpr DeviceResult kDeviceInvalidValue = 1;
constexpr DeviceResult kDeviceOutOfMemory = 2;
constexpr DeviceResult kDeviceNone = 100;
constexpr DeviceResult kDeviceInvalidDevice = 101;
constexpr DeviceResult kDeviceInvalidImage = 200;
constexpr DeviceResult kDeviceInvalidContext = 201;
constexpr DeviceResult kDeviceNoBinary = 209;
constexpr DeviceResult kDevicePtxTooNew = 222;
constexpr DeviceResult kDeviceInvalidHandle = 400;
constexpr DeviceResult kDeviceNotFound = 500;
constexpr DeviceResult kDeviceNotReady = 600;
constexpr DeviceResult kDeviceLaunchFailed = 719;  // sticky: the context is lost

// Attributes of a device, numbered as the driver does.
constexpr int kDeviceComputeMajor = 75;
constexpr int kDeviceComputeMinor = 76;

// Flags of streams and events: none waits for the default stream, and a wait for an event sleeps.
constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventBlocking = 1;

using DeviceAddress = uint64_t;  // of memory on a device
struct DeviceContext;
struct DeviceStream;
struct DeviceEvent;
struct DeviceModule;
struct DeviceFunction;

// Calls for memory, streams, events, modules and launches are about the context that is current on the calling thread.
struct DeviceTable {
  DeviceResult (*init)(unsigned flags);
  DeviceResult (*version)(int* version);  // 13000: CUDA 13.0
  DeviceResult (*count)(int* count);
  DeviceResult (*find)(int* device, int index);
  DeviceResult (*name)(char* name, int length, int device);
  DeviceResult (*attribute)(int* value, int attribute, int device);
  DeviceResult (*memory)(size_t* bytes, int device);

  // The one context of a device that everybody in the process shares; each `retain` is answered by one `release`.
  DeviceResult (*retain)(DeviceContext** context, int device);
  DeviceResult (*release)(int device);
  DeviceResult (*setCurrent)(DeviceContext* context);

  DeviceResult (*allocate)(DeviceAddress* address, size_t bytes);
  DeviceResult (*free)(DeviceAddress address);
  DeviceResult (*hostAllocate)(void** data, size_t bytes, unsigned flags);  // pinned
  DeviceResult (*hostFree)(void* data);
  DeviceResult (*hostRegister)(void* data, size_t bytes, unsigned flags);  // pins memory that is there
  DeviceResult (*hostUnregister)(void* data);

  // Queued on a stream; both ends stay as they are until it is done.
  DeviceResult (*copyIn)(DeviceAddress to, const void* from, size_t bytes, DeviceStream* stream);
  DeviceResult (*copyOut)(void* to, DeviceAddress from, size_t bytes, DeviceStream* stream);

  DeviceResult (*openStream)(DeviceStream** stream, unsigned flags);
  DeviceResult (*closeStream)(DeviceStream* stream);
  DeviceResult (*syncStream)(DeviceStream* stream);
  DeviceResult (*waitEvent)(DeviceStream* stream, DeviceEvent* event, unsigned flags);

  DeviceResult (*openEvent)(DeviceEvent** event, unsigned flags);
  DeviceResult (*closeEvent)(DeviceEvent* event);
  DeviceResult (*recordEvent)(DeviceEvent* event, DeviceStream* stream);
  DeviceResult (*syncEvent)(DeviceEvent* event);
  DeviceResult (*elapsed)(float* ms, DeviceEvent* start, DeviceEvent* end);

  DeviceResult (*loadModule)(DeviceModule** module, const void* image);
  DeviceResult (*unloadModule)(DeviceModule* module);
  DeviceResult (*function)(DeviceFunction** function, DeviceModule* module, const char* name);
  // `parameters` are pointers to the values, which are copied.
  DeviceResult (*launch)(DeviceFunction* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                         unsigned blockZ, unsigned sharedBytes, DeviceStream* stream, void** parameters, void** extra);

  DeviceResult (*errorText)(DeviceResult result, const char** text);
  // What the last call of this thread that failed says beside its result; null: the device says no more.
  const char* (*lastFault)();
};

}  // namespace cb
