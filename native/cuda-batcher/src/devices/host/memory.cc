#include "devices/host/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace cb::host {

namespace {

constexpr size_t kGuardBytes = 256;  // the alignment of the driver's allocations, too
constexpr uint8_t kGuard = 0xfd;
constexpr uint8_t kUnwritten = 0xff;  // NaN as float32
constexpr uint8_t kEnded = 0xdd;

size_t wholeBytes(size_t bytes) { return (bytes + 3 * kGuardBytes - 1) / kGuardBytes * kGuardBytes; }

bool all(const uint8_t* bytes, size_t count, uint8_t value) {
  return std::all_of(bytes, bytes + count, [&](uint8_t byte) { return byte == value; });
}

}  // namespace

Memory::~Memory() {
  while (!blocks_.empty()) end(&blocks_.begin()->second);
}

Memory::Block* Memory::allocate(size_t bytes, Kind kind, int device) {
  auto* whole = static_cast<uint8_t*>(std::aligned_alloc(kGuardBytes, wholeBytes(bytes)));
  if (whole == nullptr) return nullptr;
  std::memset(whole, kGuard, wholeBytes(bytes));
  std::memset(whole + kGuardBytes, kUnwritten, bytes);
  const auto begin = reinterpret_cast<uintptr_t>(whole + kGuardBytes);
  return &blocks_.emplace(begin, Block{begin, bytes, kind, device}).first->second;
}

Memory::Block* Memory::enter(void* data, size_t bytes, int device) {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const auto next = blocks_.lower_bound(begin);
  if (next != blocks_.end() && next->first < begin + bytes) return nullptr;
  if (next != blocks_.begin()) {
    const Block& before = std::prev(next)->second;
    if (before.begin + before.bytes > begin) return nullptr;
  }
  return &blocks_.emplace(begin, Block{begin, bytes, Kind::kRegistered, device}).first->second;
}

void Memory::end(Block* block) {
  if (block->kind != Kind::kRegistered) {
    auto* data = reinterpret_cast<uint8_t*>(block->begin);
    std::memset(data, kEnded, block->bytes);
    std::free(data - kGuardBytes);
  }
  blocks_.erase(block->begin);
}

Memory::Block* Memory::at(uintptr_t begin) {
  const auto found = blocks_.find(begin);
  return found == blocks_.end() ? nullptr : &found->second;
}

Memory::Block* Memory::holding(uintptr_t begin, size_t bytes) {
  const auto next = blocks_.upper_bound(begin);
  if (next == blocks_.begin()) return nullptr;
  Block& block = std::prev(next)->second;
  const size_t offset = begin - block.begin;
  return offset <= block.bytes && bytes <= block.bytes - offset ? &block : nullptr;
}

bool Memory::guardsWhole(const Block& block) {
  if (block.kind == Kind::kRegistered) return true;
  const auto* data = reinterpret_cast<const uint8_t*>(block.begin);
  const size_t behind = wholeBytes(block.bytes) - kGuardBytes - block.bytes;
  return all(data - kGuardBytes, kGuardBytes, kGuard) && all(data + block.bytes, behind, kGuard);
}

size_t Memory::taken(int device) const {
  size_t bytes = 0;
  for (const auto& [begin, block] : blocks_) {
    if (block.kind == Kind::kDevice && block.device == device) bytes += block.bytes;
  }
  return bytes;
}

std::vector<const Memory::Block*> Memory::of(int device) const {
  std::vector<const Block*> found;
  for (const auto& [begin, block] : blocks_) {
    if (block.device == device) found.push_back(&block);
  }
  return found;
}

}  // namespace cb::host
