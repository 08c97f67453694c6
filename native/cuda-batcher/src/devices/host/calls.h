// Functions of the device table, by what they are about; DeviceTable says what each does.
#pragma once

#include "devices/device_table.h"

namespace cb::host {

// Devices and contexts.
DeviceResult init(unsigned);
DeviceResult version(int* to);
DeviceResult count(int* to);
DeviceResult find(int* device, int index);
DeviceResult name(char* to, int length, int);
DeviceResult attribute(int* value, int, int);
DeviceResult deviceMemory(size_t* bytes, int);
DeviceResult retain(DeviceContext** context, int device);
DeviceResult release(int device);
DeviceResult setCurrent(DeviceContext* context);

// Memory and copies.
DeviceResult allocate(DeviceAddress* address, size_t bytes);
DeviceResult freeMemory(DeviceAddress address);
DeviceResult hostAllocate(void** data, size_t bytes, unsigned);
DeviceResult hostFree(void* data);
DeviceResult hostRegister(void* data, size_t bytes, unsigned);
DeviceResult hostUnregister(void* data);
DeviceResult copyIn(DeviceAddress to, const void* from, size_t bytes, DeviceStream* stream);
DeviceResult copyOut(void* to, DeviceAddress from, size_t bytes, DeviceStream* stream);

// Streams and events.
DeviceResult openStream(DeviceStream** handle, unsigned);
DeviceResult closeStream(DeviceStream* handle);
DeviceResult syncStream(DeviceStream* handle);
DeviceResult waitEvent(DeviceStream* streamHandle, DeviceEvent* eventHandle, unsigned);
DeviceResult openEvent(DeviceEvent** handle, unsigned);
DeviceResult closeEvent(DeviceEvent* handle);
DeviceResult recordEvent(DeviceEvent* eventHandle, DeviceStream* streamHandle);
DeviceResult syncEvent(DeviceEvent* handle);
DeviceResult elapsed(float* ms, DeviceEvent* startHandle, DeviceEvent* endHandle);

// Modules and launches.
DeviceResult loadModule(DeviceModule** handle, const void* bytes);
DeviceResult unloadModule(DeviceModule* handle);
DeviceResult function(DeviceFunction** to, DeviceModule* handle, const char* wanted);
DeviceResult launch(DeviceFunction* handle, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
                    unsigned blockZ, unsigned sharedBytes, DeviceStream* streamHandle, void** given, void**);

}  // namespace cb::host
