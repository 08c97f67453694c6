// The stages of one batch: gather rows, run, check what came out. No queue and no lock in here.
#pragma once

#include "running/delivery.h"
#include "running/model.h"
#include "process/run_journal.h"
#include "process/slab_arena.h"
#include "scheduling/scheduler.h"

namespace cb {

// Bytes of one slab that holds all foreseeable outputs of `rows` rows.
size_t outputSlabBytes(const Model& model, int32_t rows);
// How many slabs a batcher of these options keeps.
int32_t outputSlabs(const Model& model, const BatcherOptions& options);

// Memory for gathered inputs that an engine thread keeps while it has nothing to do.
constexpr size_t kScratchKeptBytes = size_t{1} << 20;

class BatchRun {
 public:
  using Clock = double (*)();  // milliseconds, never going back
  // What one engine thread runs with; `journal` may be null.
  struct Tools {
    const Model& model;
    ModelRun& run;
    SlabArena& arena;
    RunJournal* journal;
    size_t journalSlot;
    Clock clock;
    bool cpuTimes;
  };
  explicit BatchRun(Tools tools) : tools_(tools), model_(tools.model) {}

  // Frees what large batches left with the calling thread; after a while without one.
  void rest();
  // Runs delivery.members as one batch of delivery.paddedRows rows and fills in the rest of the delivery.
  void run(Delivery& delivery);

 private:
  void trimModel();
  void gather(Delivery& delivery);
  void gatherOwnForm(Delivery& delivery);
  void layOutputs(Delivery& delivery);
  std::string checkOutputs(const Delivery& delivery) const;

  const Tools tools_;
  const Model& model_;
  Scratch scratch_;
  std::vector<EngineBuffer> in_;
};

}  // namespace cb
