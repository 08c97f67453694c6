// What the bytes of a peer go through on a native link, for fuzzers: frames cut out of a stream, requests scanned and judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Reads `size` bytes as a stream received in pieces, and as a request by itself. Aborts when an invariant is broken.
void fuzzLink(const uint8_t* data, size_t size);

// Streams to begin with: every kind of frame, requests of every field, cut and joined.
std::vector<std::string> fuzzSeeds();
