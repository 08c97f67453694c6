// Tensors of strings: the library keeps each as an object of its own, the wire one after another behind their lengths.
#pragma once

#include <vector>

#include "engines/engine_table.h"
#include "engines/onnxruntime/session.h"

namespace cb::ort {

// A tensor of the strings in `buffer`, which may hold any bytes; false with a sentence when they are not as many as its
// dims say.
bool writeText(const LoadedSession& model, const EngineTensor& tensor, const EngineBuffer& buffer, Value** value,
               const ErrorText& error);

// Appends the strings of a tensor.
bool readText(const LoadedSession& model, const Value* value, size_t count, std::vector<uint8_t>& bytes,
              const ErrorText& error);

}  // namespace cb::ort
