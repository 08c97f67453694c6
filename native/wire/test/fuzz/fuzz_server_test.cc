// The fuzz target where there is no fuzzer: the seeds, changed in the ways that parsers dislike, always the same ones.
#include <random>

#include "check.h"
#include "fuzz_target.h"

namespace {

constexpr int kRounds = 1500;
const uint8_t kDisliked[] = {0x00, 0x01, 0x04, 0x05, 0x08, 0x09, 0x7f, 0x80, 0xff};

std::string changed(const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&](size_t count) { return static_cast<size_t>(random() % count); };
  std::string bytes = seeds[below(seeds.size())];
  for (size_t change = 1 + below(4); change > 0 && bytes.size() > 1; change--) {
    const size_t at = 1 + below(bytes.size() - 1);
    const char disliked = static_cast<char>(kDisliked[below(sizeof kDisliked)]);
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = disliked;
        break;
      case 2:
        bytes.insert(at, std::string(1 + below(16), disliked));
        break;
      case 3:
        bytes.resize(at);
        break;
      default: {
        const std::string& other = seeds[below(seeds.size())];
        bytes = bytes.substr(0, at) + other.substr(below(other.size()));
      }
    }
  }
  return bytes;
}

void feed(const std::string& bytes) { fuzzTarget(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()); }

}  // namespace

TEST("no seed leaves anything held") {
  for (const std::string& seed : fuzzSeeds()) feed(seed);
}

TEST("no change of a seed leaves anything held") {
  const std::vector<std::string> seeds = fuzzSeeds();
  std::mt19937 random(20261126);
  for (int round = 0; round < kRounds; round++) feed(changed(seeds, random));
  CHECK(true);
}

MAIN_OF_TESTS
