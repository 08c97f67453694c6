// A loaded model: the engine's table and handle, and what its tensors look like to a batcher.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"

namespace cb {

struct Tensor {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> dims;  // kUnknownDim where dynamic
  std::vector<std::string> symbols;
  // Bytes of one row (of the whole tensor when the model has no batch axis); -1 when a further dim is dynamic.
  int64_t rowBytes = -1;
};

struct ModelOptions {
  std::string path;
  std::string library;  // empty: the engine's default
  int32_t intraOpThreads = 1;
  int32_t concurrentRuns = 1;
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

  // Whether the first axis of every input and output is one dynamic batch axis.
  bool batchable() const { return batchable_; }
  // Whether the shape of `output` is known before a run, so that its memory can be set aside.
  bool foreseeable(const Tensor& output) const;

  // Runs once; outputs with data == null are allocated by the engine. Answers a sentence, empty on success.
  std::string run(const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out, EngineStages& stages) const;
  void release(void* owner) const { engine_->release(handle_, owner); }
  void terminate() const { engine_->terminate(handle_); }

 private:
  Model(const EngineTable* engine, EngineModel* handle);
  void describe();

  const EngineTable* engine_;
  EngineModel* handle_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  bool batchable_ = false;
};

}  // namespace cb
