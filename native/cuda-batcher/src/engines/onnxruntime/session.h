// An opened model: its session, and what goes in and comes out of it as tensors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engines/engine_table.h"
#include "engines/onnxruntime/library.h"

namespace cb::ort {

// What of one of the session's outputs a tensor holds. A sequence is no tensor; it becomes two.
enum class Part {
  kWhole,   // the output is a tensor
  kKeys,    // keys of a sequence of maps, [maps, entries]
  kValues,  // the values beside them
  kItems,   // all elements of a sequence of tensors, one tensor after another
  kShapes,  // the shape of each, int64 [tensors, rank]
};

struct Output {
  size_t index;  // among the session's outputs
  Part part;
};

// Inputs with a default that a session offers. A file that lists more lists its weights, as exporters did when every initializer
// had to be an input: it offers none.
constexpr size_t kOptionalInputsMax = 64;

struct LoadedSession {
  explicit LoadedSession(const Library& from) : library(from), api(from.api) {}
  ~LoadedSession();
  LoadedSession(const LoadedSession&) = delete;
  LoadedSession& operator=(const LoadedSession&) = delete;

  // Opens the file and reads what it declares; answers false with a sentence in `error`.
  bool open(const EngineLoadOptions& options, const ErrorText& error);

  const Library& library;
  const void* api;
  Session* session = nullptr;
  MemoryInfo* memory = nullptr;
  Allocator* allocator = nullptr;
  // The session's own names, as a run wants them; those of optional inputs stand behind the inputs'.
  std::vector<const char*> inNames;
  std::vector<const char*> outNames;
  std::vector<EngineTensor> inputs;
  std::vector<EngineTensor> optionals;  // inputs with a default
  std::vector<EngineTensor> outputs;
  std::vector<Output> sources;  // of `outputs`, one each

 private:
  bool create(const EngineLoadOptions& options, const ErrorText& error);
  bool describeInputs(const ErrorText& error);
  bool describeOptionals(const ErrorText& error);
  bool describeOutputs(const ErrorText& error);
  const char* nameOf(Status* status, char* const* given, const ErrorText& error);
  bool addInput(const char* name, const TypeInfo* type, const ErrorText& error);
  bool addOutput(const char* name, size_t index, const TypeInfo* type, const ErrorText& error);
  bool addSequence(const char* name, size_t index, const TypeInfo* type, const ErrorText& error);
  bool addMaps(const char* name, size_t index, const TypeInfo* type, const ErrorText& error);
  bool addPart(const std::string& name, Output source, DType dtype, int32_t rank, const ErrorText& error);
  bool readTensor(const TypeInfo* type, EngineTensor& tensor, const ErrorText& error);
  const char* keep(std::string text);

  EngineThreads threads_{};  // the library's threads have its address
  std::vector<std::unique_ptr<std::string>> texts_;  // what names and symbols point at
};

}  // namespace cb::ort
