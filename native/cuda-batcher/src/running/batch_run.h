// The stages of one batch: gather rows, run, check what came out. No queue and no lock in here.
#pragma once

#include "running/delivery.h"
#include "running/model.h"
#include "running/slab_arena.h"

namespace cb {

// Bytes of one slab that holds all foreseeable outputs of `rows` rows.
size_t outputSlabBytes(const Model& model, int32_t rows);

class BatchRun {
 public:
  using Clock = double (*)();  // milliseconds, never going back
  BatchRun(const Model& model, ModelRun& with, SlabArena& arena, Clock clock)
      : model_(model), with_(with), arena_(arena), clock_(clock) {}

  // Runs delivery.members as one batch of delivery.paddedRows rows and fills in the rest of the delivery.
  void run(Delivery& delivery);

 private:
  void gather(Delivery& delivery);
  void layOutputs(Delivery& delivery);
  std::string checkOutputs(const Delivery& delivery) const;

  const Model& model_;
  ModelRun& with_;
  SlabArena& arena_;
  Clock clock_;
  Scratch scratch_;
  std::vector<EngineBuffer> in_;
};

}  // namespace cb
