// What an engine thread hands back: the members of one batch with its outputs, and those dropped while planning it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/engine_table.h"
#include "scheduling/request.h"
#include "process/slab_arena.h"

namespace cb {

// When each stage of a batch ended, on the batcher's clock.
struct BatchTimes {
  double takenMs = 0;
  double gatheredMs = 0;
  double copiedInMs = 0;
  double ranMs = 0;
  double copiedOutMs = 0;
  double runCpuMs = -1;  // CPU time of the engine thread between gatheredMs and copiedOutMs; -1: not measured
};

struct Delivery {
  std::vector<Request*> members;
  std::vector<Request*> dropped;  // never run: too late, or the batcher stopped
  bool stopped = false;           // why `dropped` were
  std::string error;              // empty: the batch ran
  bool exhausted = false;         // it failed because memory could not be had
  bool refused = false;           // it failed because the model does not take what was asked: values or shapes
  bool overdue = false;           // it failed because it was ended for taking too long
  bool misfit = false;            // it ran, but an output's first axis is not the batch, so no row can be cut out
  int32_t rows = 0;
  int32_t paddedRows = 0;
  bool direct = false;            // ran on the only member's own memory
  BatchTimes times;
  std::vector<EngineBuffer> outputs;
  int32_t slab = kNoSlab;         // outputs without an owner lie in it...
  std::shared_ptr<void> kept;     // ...or in this

  // As new, but for the memory it has.
  void clear() {
    members.clear();
    dropped.clear();
    stopped = false;
    error.clear();
    exhausted = false;
    refused = false;
    overdue = false;
    misfit = false;
    rows = 0;
    paddedRows = 0;
    direct = false;
    times = {};
    outputs.clear();
    slab = kNoSlab;
    kept = nullptr;
  }

  // The outputs are the only member's, whatever their shape is.
  bool whole() const { return members.size() == 1 && rows == paddedRows; }
};

}  // namespace cb
