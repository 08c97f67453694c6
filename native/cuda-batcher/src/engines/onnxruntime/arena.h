// The memory that a session keeps for its next runs.
#pragma once

#include "engines/onnxruntime/session.h"

namespace cb::ort {

// Gives back what runs left in the session's arena and no run uses. The library does so at the end of a run
// that asks for it; the one made here ends before its first operator.
void trimArena(const LoadedSession& model);

}  // namespace cb::ort
