// The engine that runs ONNX models on the CPU through libonnxruntime, opened at run time.
#pragma once

#include "engines/engine_table.h"

namespace cb {

// One session per model, shared by all threads that run it; one library and one environment per process, never closed.
const EngineTable* onnxruntimeEngine();

}  // namespace cb
