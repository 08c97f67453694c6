// The fuzz target where there is no fuzzer: the seeds, changed in the ways that parsers dislike, always the same ones.
#include <random>

#include "check.h"
#include "fuzz_target.h"

namespace {

constexpr int kRounds = 40000;
constexpr size_t kBytesMax = 4096;
const uint8_t kDisliked[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a};

std::string changed(const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&](size_t count) { return static_cast<size_t>(random() % count); };
  std::string bytes = seeds[below(seeds.size())];
  for (size_t change = below(6); change > 0 && !bytes.empty(); change--) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(kDisliked[below(sizeof kDisliked)]);
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, std::string(1 + below(16), static_cast<char>(kDisliked[below(sizeof kDisliked)])));
        break;
      case 4:
        bytes.resize(at);
        break;
      default: {
        const std::string& other = seeds[below(seeds.size())];
        bytes = bytes.substr(0, at) + other.substr(below(other.size()));
      }
    }
  }
  return bytes.substr(0, kBytesMax);
}

void feed(const std::string& bytes) { fuzzTarget(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()); }

}  // namespace

TEST("no seed breaks an invariant") {
  for (const std::string& seed : fuzzSeeds()) feed(seed);
}

TEST("no change of a seed breaks an invariant") {
  const std::vector<std::string> seeds = fuzzSeeds();
  std::mt19937 random(20261126);
  for (int round = 0; round < kRounds; round++) feed(changed(seeds, random));
  CHECK(true);
}

MAIN_OF_TESTS
