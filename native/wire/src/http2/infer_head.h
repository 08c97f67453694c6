// The head of a ModelInferRequest: everything but its id and its tensors. Equal heads are decided alike, so JavaScript
// reads each only once; after that it is told which one came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace wire {

// A larger head is not remembered: typed tensor contents lie in it.
constexpr size_t kHeadMaxBytes = 1024;

// Where the parts of one request lie.
struct InferParts {
  const uint8_t* id = nullptr;
  size_t idBytes = 0;
};

// Walks the top level of `bytes`: appends the head to `head` and notes the id. False for what is broken or larger.
bool splitInferRequest(const uint8_t* bytes, size_t size, std::string& head, InferParts& parts);

// Heads seen lately, each under a number below `kHeadsMax`. A number is given anew when another head needs it, but at
// most once between two calls of `turn`, so that what was told under a number is true until it has been read.
class InferHeads {
 public:
  static constexpr size_t kHeadsMax = 1024;

  struct Found {
    int32_t number;  // -1 = not remembered
    bool fresh;      // given anew: what was known under it is void
  };

  InferHeads() : entries_(kHeadsMax) {}
  Found find(const std::string& head);
  void turn() { turn_++; }
  const std::string& head(size_t number) const { return entries_[number].head; }

 private:
  struct Entry {
    std::string head;
    uint64_t turn = 0;
  };
  std::vector<Entry> entries_;
  uint64_t turn_ = 1;
};

}  // namespace wire
