// ONNX Runtime's C interface, as far as it is used here: a table of function pointers to which releases only ever
// append, so that a slot's number is its contract and no header is needed. Numbers as in onnxruntime_c_api.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cb::ort {

struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct RunOptions;
struct MemoryInfo;
struct Value;
struct TypeInfo;
struct TensorInfo;
struct SequenceInfo;
struct MapInfo;
struct Allocator;

constexpr uint32_t kApiVersion = 17;   // the oldest that has every slot but hasShape; newer libraries still answer it
constexpr int kHasShapeSinceMinor = 24;  // ONNX Runtime 1.24 and later fill the slot of hasShape

// Codes of a status, as the library numbers them.
constexpr int kFail = 1;
constexpr int kInvalidArgument = 2;
constexpr int kRuntimeException = 6;

// What a value is, as the library numbers it.
enum class Kind : int { kUnknown = 0, kTensor = 1, kSequence = 2, kMap = 3, kOpaque = 4, kSparse = 5, kOptional = 6 };

// How the library has its threads started and joined: `context` is what setThreadContext was given.
using CreateThread = const void* (*)(void* context, void (*work)(void*), void* argument);
using JoinThread = void (*)(const void* thread);

struct ApiBase {
  const void* (*getApi)(uint32_t version);
  const char* (*getVersionString)();
};

template <size_t Slot, typename Signature>
struct Function;

// A slot of the table, callable as `slot(table, arguments...)`.
template <size_t Slot, typename Result, typename... Arguments>
struct Function<Slot, Result(Arguments...)> {
  Result operator()(const void* table, Arguments... arguments) const {
    using Pointer = Result (*)(Arguments...);
    return reinterpret_cast<Pointer>(static_cast<void* const*>(table)[Slot])(arguments...);
  }
};

inline constexpr Function<1, int(const Status*)> getErrorCode;
inline constexpr Function<2, const char*(const Status*)> getErrorMessage;
inline constexpr Function<3, Status*(int level, const char* id, Env**)> createEnv;
inline constexpr Function<7, Status*(const Env*, const char* path, const SessionOptions*, Session**)> createSession;
inline constexpr Function<9, Status*(Session*, const RunOptions*, const char* const* inNames, const Value* const* in,
                                     size_t inCount, const char* const* outNames, size_t outCount, Value** out)>
    run;
inline constexpr Function<10, Status*(SessionOptions**)> createSessionOptions;
inline constexpr Function<13, Status*(SessionOptions*, int mode)> setExecutionMode;
inline constexpr Function<23, Status*(SessionOptions*, int level)> setGraphOptimizationLevel;
inline constexpr Function<24, Status*(SessionOptions*, int threads)> setIntraOpThreads;
inline constexpr Function<25, Status*(SessionOptions*, int threads)> setInterOpThreads;
inline constexpr Function<30, Status*(const Session*, size_t*)> getInputCount;
inline constexpr Function<31, Status*(const Session*, size_t*)> getOutputCount;
inline constexpr Function<32, Status*(const Session*, size_t*)> getOptionalInputCount;  // initializers that are inputs too
inline constexpr Function<33, Status*(const Session*, size_t index, TypeInfo**)> getInputType;
inline constexpr Function<34, Status*(const Session*, size_t index, TypeInfo**)> getOutputType;
inline constexpr Function<35, Status*(const Session*, size_t index, TypeInfo**)> getOptionalInputType;
inline constexpr Function<36, Status*(const Session*, size_t index, Allocator*, char**)> getInputName;
inline constexpr Function<37, Status*(const Session*, size_t index, Allocator*, char**)> getOutputName;
inline constexpr Function<38, Status*(const Session*, size_t index, Allocator*, char**)> getOptionalInputName;
inline constexpr Function<39, Status*(RunOptions**)> createRunOptions;
inline constexpr Function<46, Status*(RunOptions*)> setTerminate;
inline constexpr Function<47, Status*(RunOptions*)> unsetTerminate;
inline constexpr Function<48, Status*(Allocator*, const int64_t* dims, size_t rank, int dtype, Value**)> createTensor;
inline constexpr Function<49, Status*(const MemoryInfo*, void* data, size_t bytes, const int64_t* dims, size_t rank,
                                      int dtype, Value**)>
    createTensorOverData;
inline constexpr Function<51, Status*(Value*, void**)> getTensorData;
inline constexpr Function<53, Status*(const Value*, size_t* bytes)> getTextBytes;
inline constexpr Function<54, Status*(const Value*, void* text, size_t bytes, size_t* offsets, size_t count)> getText;
inline constexpr Function<55, Status*(const TypeInfo*, const TensorInfo**)> castToTensorInfo;
inline constexpr Function<56, Status*(const TypeInfo*, Kind*)> getKind;
inline constexpr Function<60, Status*(const TensorInfo*, int*)> getElementType;
inline constexpr Function<61, Status*(const TensorInfo*, size_t*)> getRank;
inline constexpr Function<62, Status*(const TensorInfo*, int64_t*, size_t)> getDims;
inline constexpr Function<63, Status*(const TensorInfo*, const char**, size_t)> getSymbols;
inline constexpr Function<64, Status*(const TensorInfo*, size_t*)> getElementCount;
inline constexpr Function<65, Status*(const Value*, TensorInfo**)> getTensorInfo;
inline constexpr Function<69, Status*(int allocator, int memory, MemoryInfo**)> createCpuMemoryInfo;
inline constexpr Function<76, Status*(Allocator*, void*)> allocatorFree;
inline constexpr Function<78, Status*(Allocator**)> getDefaultAllocator;
inline constexpr Function<80, Status*(const Value*, int index, Allocator*, Value**)> getPart;
inline constexpr Function<81, Status*(const Value*, size_t*)> getPartCount;
inline constexpr Function<93, void(Status*)> releaseStatus;
inline constexpr Function<94, void(MemoryInfo*)> releaseMemoryInfo;
inline constexpr Function<95, void(Session*)> releaseSession;
inline constexpr Function<96, void(Value*)> releaseValue;
inline constexpr Function<97, void(RunOptions*)> releaseRunOptions;
inline constexpr Function<98, void(TypeInfo*)> releaseTypeInfo;
inline constexpr Function<99, void(TensorInfo*)> releaseTensorInfo;
inline constexpr Function<100, void(SessionOptions*)> releaseSessionOptions;
inline constexpr Function<103, Status*(const TypeInfo*, const MapInfo**)> castToMapInfo;
inline constexpr Function<104, Status*(const TypeInfo*, const SequenceInfo**)> castToSequenceInfo;
inline constexpr Function<105, Status*(const MapInfo*, int* dtype)> getMapKeyType;
inline constexpr Function<106, Status*(const MapInfo*, TypeInfo**)> getMapValueType;
inline constexpr Function<107, Status*(const SequenceInfo*, TypeInfo**)> getSequenceElementType;
inline constexpr Function<130, Status*(SessionOptions*, const char* key, const char* value)> addConfigEntry;
inline constexpr Function<165, Status*(RunOptions*, const char* key, const char* value)> addRunConfigEntry;
inline constexpr Function<196, Status*(SessionOptions*, CreateThread)> setCreateThread;
inline constexpr Function<197, Status*(SessionOptions*, void* context)> setThreadContext;
inline constexpr Function<198, Status*(SessionOptions*, JoinThread)> setJoinThread;
// Room for one string of a tensor, to be written by the caller; unlike the older calls it takes zero bytes as they are.
inline constexpr Function<252, Status*(Value*, size_t index, size_t bytes, char**)> getTextRoom;
inline constexpr Function<390, bool(const TensorInfo*)> hasShape;

}  // namespace cb::ort
