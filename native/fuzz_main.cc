// Entry of libFuzzer for any target; libfuzzer.mjs builds and runs it. $FUZZ_SEEDS: a folder that the seeds are written into first.
#include <cstdlib>
#include <fstream>

#include "fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* folder = std::getenv("FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const std::string& seed : fuzzSeeds()) {
    std::ofstream(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary) << seed;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzzTarget(data, size);
  return 0;
}
