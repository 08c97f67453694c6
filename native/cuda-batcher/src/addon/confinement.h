// Limits of a process that works on an untrusted file.
#pragma once

#include <cstdint>
#include <string>

namespace cb {

// Lets this process die with the one that started it, leave no core file, and get no more than `dataBytesMax` of writable
// private memory: a larger allocation fails at once, however much the host has. `parentPid` is whom the caller believes
// to be its parent; another one means that it is gone already. Answers a sentence, empty on success. Linux only.
std::string confineProcess(int64_t parentPid, int64_t dataBytesMax);

}  // namespace cb
