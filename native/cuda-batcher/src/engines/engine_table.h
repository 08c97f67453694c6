// The table every engine is plugged in by: plain C types only, so that an engine may live in a library of its own
// (one per TensorRT major) and a test may bring a fake one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cb {

constexpr uint32_t kEngineAbi = 8;
constexpr int32_t kMaxRank = 16;
constexpr int64_t kUnknownDim = -1;
constexpr int32_t kUnknownRank = -1;

// Element types, numbered as in ONNX's TensorProto.
enum class DType : int32_t {
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

// Bytes of one element; 0 for types without a fixed size (strings).
size_t elementBytes(DType dtype);

struct KernelPlan;
struct EngineModel;
struct EngineRun;  // what one thread runs with

// For threads that the engine starts for a model: each calls `run`, which calls `work(argument)`, until the model is unloaded.
struct EngineThreads {
  void (*run)(void* context, void (*work)(void*), void* argument);
  void* context;
};

struct EngineLoadOptions {
  const char* modelPath;
  const char* libraryPath;  // the engine's own library; null: its default name
  int32_t intraOpThreads;   // threads one run may use
  int32_t concurrentRuns;   // how many threads will call run() at a time
  EngineThreads threads;
  const char* device;       // what it runs on; null: the CPU
  const KernelPlan* plan;   // what it computes, for an engine that opens no file; null: the model file
};

// One input or output as the model declares it. Strings live as long as the model.
struct EngineTensor {
  const char* name;
  DType dtype;
  int32_t rank;                   // kUnknownRank: it does not say
  int64_t dims[kMaxRank];         // kUnknownDim where dynamic
  const char* symbols[kMaxRank];  // name of a dynamic dimension, or ""
  bool ofRun;                     // belongs to a run as a whole: no axis of it can be the batch
};

// A model's tensors by what they are to a run. Optional inputs have a default in the model, which counts where they are left out.
enum class TensorList : int32_t { kInputs, kOutputs, kOptionalInputs };

// What EngineTable::run answers.
constexpr int kRan = 0;
constexpr int kRunFailed = 1;
constexpr int kOutputMisfit = 2;  // an output did not have the shape of the memory given for it
constexpr int kInputRefused = 3;  // an operator, or the engine before any, does not take the inputs: their values or shapes

// A tensor's memory for one run. An output with data == null is allocated by the engine, which then fills in
// data, bytes, rank, dims and owner; the caller gives owner back through `release`. Strings lie one after another, each
// behind its length in bytes as a little-endian uint32; outputs of strings are always the engine's.
struct EngineBuffer {
  void* data;
  size_t bytes;
  int32_t rank;
  int64_t dims[kMaxRank];
  void* owner;
};

// Where the time of one run went besides computing; an engine on the host leaves both 0.
struct EngineStages {
  double copyInNs;   // host to device
  double copyOutNs;  // device to host
};

// Functions that answer int return 0 on success; otherwise they write a sentence to `error` (of `errorBytes`).
// Outputs are what the table's `tensors` says: an engine whose model gives something else has made tensors of it.
// `run` is called from several threads at once, each with an EngineRun of its own. `in` has the inputs in their order; where it
// has more, all optional inputs stand behind them, those left out with rank kUnknownRank.
struct EngineTable {
  uint32_t abi;
  const char* name;
  int (*probe)(const char* libraryPath, char* version, size_t versionBytes, char* error, size_t errorBytes);
  int (*load)(const EngineLoadOptions* options, EngineModel** model, char* error, size_t errorBytes);
  int (*tensors)(EngineModel* model, TensorList list, size_t index, EngineTensor* tensor);  // 1: no such index
  int (*openRun)(EngineModel* model, EngineRun** run, char* error, size_t errorBytes);
  int (*run)(EngineModel* model, EngineRun* run, const EngineBuffer* in, size_t inCount, EngineBuffer* out, size_t outCount,
             EngineStages* stages, char* error, size_t errorBytes);
  void (*release)(EngineModel* model, void* owner);
  // From any thread: while `ended`, calls of run() with this EngineRun, the one under way included, end soon with an error.
  void (*endRun)(EngineModel* model, EngineRun* run, bool ended);
  // From any thread: gives back what runs left in the memory that the engine keeps for later ones.
  void (*trim)(EngineModel* model);
  void (*closeRun)(EngineModel* model, EngineRun* run);
  void (*unload)(EngineModel* model);
};

}  // namespace cb
