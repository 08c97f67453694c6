// The kernel module: dense networks on a device, from a plan, by kernels of our own (decision 0066).
#pragma once

#include "engines/engine_table.h"

namespace cb {

const EngineTable* kernelEngine();

}  // namespace cb
