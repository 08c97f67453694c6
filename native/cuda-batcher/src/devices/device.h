// A device that kernels run on: its context and its kernels, opened once per process; and what lives on it.
#pragma once

#include <memory>
#include <string>

#include "devices/device_table.h"

namespace cb {

// Threads of a block, and most blocks along x: more would only queue, since every kernel loops over its items.
constexpr unsigned kBlockThreads = 256;
constexpr size_t kBlocksMax = 4096;

class Device {
 public:
  // `host`, or `cuda:` and a number. The same one for all that ask while anybody has it; null with a sentence in `error`.
  static std::shared_ptr<const Device> open(const std::string& name, std::string& error);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceTable& table() const { return table_; }
  const std::string& description() const { return description_; }  // "host device", or what the driver calls it
  // Makes its context the calling thread's.
  DeviceResult enter() const { return table_.setCurrent(context_); }
  // Null with a sentence in `error`.
  DeviceFunction* kernel(const char* name, std::string& error) const;
  // Queues a kernel over `items` along x, and `rows` blocks along y.
  DeviceResult launch(DeviceFunction* kernel, size_t items, unsigned rows, DeviceStream* stream, void** parameters) const;
  // What a failed call says: what was being done, the result's text, and what the device adds.
  std::string sentence(const char* doing, DeviceResult result) const;

 private:
  Device(const DeviceTable& table, int device) : table_(table), device_(device) {}
  static std::shared_ptr<const Device> openNew(const std::string& name, std::string& error);
  std::string load(const void* image);

  const DeviceTable& table_;
  const int device_;
  std::string description_;
  DeviceContext* context_ = nullptr;
  DeviceModule* module_ = nullptr;
};

// Memory that grows by being allocated anew: on the device, or pinned on the host. Calls need the device's context.
class DeviceMemory {
 public:
  enum class Place { kDevice, kPinned };
  DeviceMemory(std::shared_ptr<const Device> device, Place place) : device_(std::move(device)), place_(place) {}
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // What is in it is lost where it grows. Nothing that is queued may use it. Answers a sentence, empty on success.
  std::string grow(size_t bytes);
  void clear();

  DeviceAddress address() const { return address_; }
  uint8_t* data() const { return reinterpret_cast<uint8_t*>(address_); }  // of pinned memory
  size_t bytes() const { return bytes_; }

 private:
  const std::shared_ptr<const Device> device_;
  const Place place_;
  DeviceAddress address_ = 0;
  size_t bytes_ = 0;
};

// A stream, closed with this; and likewise an event. Null where `open` failed.
class Stream {
 public:
  explicit Stream(std::shared_ptr<const Device> device) : device_(std::move(device)) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  DeviceResult open() { return device_->table().openStream(&stream_, kStreamNonBlocking); }
  DeviceStream* get() const { return stream_; }

 private:
  const std::shared_ptr<const Device> device_;
  DeviceStream* stream_ = nullptr;
};

class Event {
 public:
  explicit Event(std::shared_ptr<const Device> device) : device_(std::move(device)) {}
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  DeviceResult open() { return device_->table().openEvent(&event_, kEventBlocking); }
  DeviceEvent* get() const { return event_; }

 private:
  const std::shared_ptr<const Device> device_;
  DeviceEvent* event_ = nullptr;
};

}  // namespace cb
