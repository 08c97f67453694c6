// What a fuzz target defines: libFuzzer's entry (fuzz_main.cc) and the target's ctest call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Reads `size` bytes as what a peer sends. Aborts when an invariant is broken.
void fuzzTarget(const uint8_t* data, size_t size);

// Inputs to begin with.
std::vector<std::string> fuzzSeeds();
