// Memory of a host device: what is allocated on it, and what of the host is pinned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cb::host {


class Memory {
 public:
  enum class Kind { kDevice, kPinned, kRegistered };
  struct Block {
    uintptr_t begin;
    size_t bytes;
    Kind kind;
    int device;
    int users = 0;  // queued work that reads or writes it
  };

  Memory() = default;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Filled with bytes that are no sensible numbers, between guards. Null: the host has none left.
  Block* allocate(size_t bytes, Kind kind, int device);
  // Pins memory that is there; null where some of it is pinned already.
  Block* enter(void* data, size_t bytes, int device);
  // Ends it, whether its guards are whole or not.
  void end(Block* block);

  // The block that begins there; null: there is none.
  Block* at(uintptr_t begin);
  // The block that holds all these bytes; null: there is none.
  Block* holding(uintptr_t begin, size_t bytes);
  static bool guardsWhole(const Block& block);

  size_t taken(int device) const;  // bytes allocated on it
  std::vector<const Block*> of(int device) const;

 private:
  std::map<uintptr_t, Block> blocks_;  // by begin
};

}  // namespace cb::host
