// A loaded model: the engine's table and handle, and what its tensors look like to a batcher.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engines/engine_table.h"
#include "process/run_journal.h"

namespace cb {

struct Tensor {
  std::string name;
  DType dtype = DType::kFloat32;
  bool ranked = true;         // false: `dims` are empty because nothing is known of them
  std::vector<int64_t> dims;  // kUnknownDim where dynamic
  std::vector<std::string> symbols;
  bool ofRun = false;         // see EngineTensor
  // Bytes of one row (of the whole tensor when the model has no batch axis); -1 when a further dim is dynamic.
  int64_t rowBytes = -1;
};

// Whether requests may share a run.
enum class Batching {
  kDeclared,  // when the model declares one dynamic first axis for all inputs and outputs
  kNever,      // whatever it declares: tensors run as they come
  kInputs,    // when all inputs have it, whatever is declared of the outputs
};

class ModelRun;

struct ModelOptions {
  std::string path;
  std::string library;  // empty: the engine's default
  int32_t intraOpThreads = 1;
  int32_t concurrentRuns = 1;
  Batching batching = Batching::kDeclared;
  std::string device;                      // empty: the CPU
  std::shared_ptr<const KernelPlan> plan;  // null: the model file
};

class Model {
 public:
  // Loads; on failure answers null and a sentence in `error`.
  static std::unique_ptr<Model> load(const EngineTable* engine, const ModelOptions& options, std::string& error);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }
  // Inputs with a default in the model. A request that sends one shares a run with none.
  const std::vector<Tensor>& optionals() const { return optionals_; }

  // Whether the first axis of every input is a batch axis, so that requests can be run together.
  bool batchable() const { return unbatchedReason_.empty(); }
  // Why not, as a sentence; empty when it is.
  const std::string& unbatchedReason() const { return unbatchedReason_; }
  // Whether the shape of an output is known before a run, so that its memory can be set aside.
  bool foreseeable(size_t output) const;

  // Runs once; outputs with data == null are allocated by the engine. Where an output does not come in the shape its
  // memory was set aside for, the engine allocates all of them, and this output's memory from then on: what a model
  // declares may be wrong. Answers a sentence, empty on success; `outcome` is the engine's own.
  std::string run(ModelRun& with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                  EngineStages& stages, int& outcome) const;
  std::string run(ModelRun& with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                  EngineStages& stages) const;
  void release(void* owner) const { engine_->release(handle_, owner); }
  // Gives back what past runs left in the memory that the engine keeps for later ones. From any thread.
  void trim() const;
  // Runs under way and later ones end soon, with an error.
  void terminate() const;
  // Where runs are written down that threads of the engine may compute; whoever sets them clears them.
  JournalSlots& journalSlots() const { return *journalSlots_; }

 private:
  friend class ModelRun;
  Model(const EngineTable* engine, EngineModel* handle, std::unique_ptr<JournalSlots> journalSlots);
  void describe();
  std::vector<Tensor> list(TensorList of) const;
  std::string whyUnbatched(Batching batching) const;
  std::string tryRun(EngineRun* with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out, EngineStages& stages,
                     int& outcome) const;

  const EngineTable* engine_;
  EngineModel* handle_;
  const std::unique_ptr<JournalSlots> journalSlots_;  // threads of the engine hold its address
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  std::vector<Tensor> optionals_;
  std::string unbatchedReason_;
  std::unique_ptr<std::atomic<bool>[]> surprising_;  // outputs that came in another shape than they were declared
  mutable std::mutex runsMutex_;
  mutable std::vector<EngineRun*> runs_;  // open ones
  mutable bool terminated_ = false;
};

// What one thread runs a model with, so that its run can be ended without the others'.
class ModelRun {
 public:
  explicit ModelRun(const Model& model);
  ~ModelRun();
  ModelRun(const ModelRun&) = delete;
  ModelRun& operator=(const ModelRun&) = delete;

  // From any thread: the run under way ends soon with an error, and so does every later one until `renew`.
  void end();
  // Runs may begin again, unless the model was terminated.
  void renew();

 private:
  friend class Model;
  const Model& model_;
  EngineRun* run_ = nullptr;
  std::string error_;  // why there is none
};

}  // namespace cb
