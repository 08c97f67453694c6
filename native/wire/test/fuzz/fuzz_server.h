// What the bytes of a peer go through on the server's port, for fuzzers: HTTP/2, headers, messages, heads of requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Whether there is an nghttp2 to run with; without one `fuzzServer` does nothing.
bool canFuzzServer();

// Sends `size` bytes behind the preface of a connection, and reads them as a request by itself. Aborts when an invariant is
// broken: once the connection is gone, nothing of it may be held.
void fuzzServer(const uint8_t* data, size_t size);

// Streams to begin with: calls of every kind, whole, cut off, reset, padded, with metadata, and what is no call.
std::vector<std::string> fuzzSeeds();
