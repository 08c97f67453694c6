#include "engines/onnxruntime/session.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>

namespace cb::ort {

namespace {

constexpr int kSequential = 0;
constexpr int kAllOptimizations = 99;
constexpr int kArenaAllocator = 1;
constexpr int kDefaultMemory = 0;

std::string quoted(const char* name) { return "'" + std::string(name) + "'"; }

const char* kindName(Kind kind) {
  switch (kind) {
    case Kind::kTensor:
      return "a tensor";
    case Kind::kSequence:
      return "a sequence";
    case Kind::kMap:
      return "a map";
    case Kind::kOpaque:
      return "of an opaque type";
    case Kind::kSparse:
      return "a sparse tensor";
    case Kind::kOptional:
      return "optional";
    case Kind::kUnknown:
      break;
  }
  return "of no known type";
}

bool served(DType dtype) { return dtype == DType::kString || elementBytes(dtype) > 0; }

// Null: the library fails to open the session.
const void* createThread(void* context, void (*work)(void*), void* argument) {
  const auto& threads = *static_cast<const EngineThreads*>(context);
  try {
    return new std::thread(threads.run, threads.context, work, argument);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void joinThread(const void* handle) {
  auto* thread = static_cast<std::thread*>(const_cast<void*>(handle));
  thread->join();
  delete thread;
}

// A type that describes another is held only while it is read.
class Held {
 public:
  explicit Held(const void* api) : api_(api) {}
  ~Held() {
    if (type_ != nullptr) releaseTypeInfo(api_, type_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  TypeInfo** put() { return &type_; }
  const TypeInfo* get() const { return type_; }

 private:
  const void* api_;
  TypeInfo* type_ = nullptr;
};

}  // namespace

LoadedSession::~LoadedSession() {
  if (memory != nullptr) releaseMemoryInfo(api, memory);
  if (session != nullptr) releaseSession(api, session);
}

bool LoadedSession::open(const EngineLoadOptions& options, const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  return create(options, error) && !bad(createCpuMemoryInfo(api, kArenaAllocator, kDefaultMemory, &memory)) &&
         !bad(getDefaultAllocator(api, &allocator)) && describeInputs(error) && describeOptionals(error) &&
         describeOutputs(error);
}

bool LoadedSession::create(const EngineLoadOptions& load, const ErrorText& error) {
  SessionOptions* options = nullptr;
  threads_ = load.threads;
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  if (bad(createSessionOptions(api, &options))) return false;
  const bool ok = !bad(setExecutionMode(api, options, kSequential)) &&
                  !bad(setGraphOptimizationLevel(api, options, kAllOptimizations)) &&
                  !bad(setIntraOpThreads(api, options, load.intraOpThreads)) &&
                  !bad(setInterOpThreads(api, options, 1)) &&
                  // Spinning workers would burn a core between batches.
                  !bad(addConfigEntry(api, options, "session.intra_op.allow_spinning", "0")) &&
                  !bad(setCreateThread(api, options, createThread)) && !bad(setThreadContext(api, options, &threads_)) &&
                  !bad(setJoinThread(api, options, joinThread)) &&
                  !bad(createSession(api, library.env, load.modelPath, options, &session));
  releaseSessionOptions(api, options);
  return ok;
}

bool LoadedSession::describeInputs(const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  size_t count = 0;
  if (bad(getInputCount(api, session, &count))) return false;
  for (size_t i = 0; i < count; i++) {
    char* given = nullptr;
    const char* name = nameOf(getInputName(api, session, i, allocator, &given), &given, error);
    Held type(api);
    if (name == nullptr || bad(getInputType(api, session, i, type.put()))) return false;
    inNames.push_back(name);
    if (!addInput(name, type.get(), error)) return false;
  }
  return true;
}

// What cannot be sent is not offered: its default is there.
bool LoadedSession::describeOptionals(const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  size_t count = 0;
  if (bad(getOptionalInputCount(api, session, &count))) return false;
  if (count > kOptionalInputsMax) return true;
  for (size_t i = 0; i < count; i++) {
    char* given = nullptr;
    const char* name = nameOf(getOptionalInputName(api, session, i, allocator, &given), &given, error);
    Held type(api);
    Kind kind = Kind::kUnknown;
    if (name == nullptr || bad(getOptionalInputType(api, session, i, type.put())) ||
        bad(getKind(api, type.get(), &kind))) {
      return false;
    }
    EngineTensor tensor{};
    tensor.name = name;
    char unread[1];
    if (kind != Kind::kTensor || !readTensor(type.get(), tensor, ErrorText{unread, sizeof unread})) continue;
    inNames.push_back(name);
    optionals.push_back(tensor);
  }
  return true;
}

bool LoadedSession::describeOutputs(const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  size_t count = 0;
  if (bad(getOutputCount(api, session, &count))) return false;
  for (size_t i = 0; i < count; i++) {
    char* given = nullptr;
    const char* name = nameOf(getOutputName(api, session, i, allocator, &given), &given, error);
    Held type(api);
    if (name == nullptr || bad(getOutputType(api, session, i, type.put()))) return false;
    outNames.push_back(name);
    if (!addOutput(name, i, type.get(), error)) return false;
  }
  return true;
}

// Takes over a name that the library allocated; null with a sentence in `error` where `status` is a failure.
const char* LoadedSession::nameOf(Status* status, char* const* given, const ErrorText& error) {
  if (failed(api, status, error)) return nullptr;
  const char* name = keep(*given);
  return failed(api, allocatorFree(api, allocator, *given), error) ? nullptr : name;
}

bool LoadedSession::addInput(const char* name, const TypeInfo* type, const ErrorText& error) {
  Kind kind = Kind::kUnknown;
  if (failed(api, getKind(api, type, &kind), error)) return false;
  if (kind != Kind::kTensor) return error.write("input " + quoted(name) + " is " + kindName(kind) + ", served are tensors");
  EngineTensor tensor{};
  tensor.name = name;
  if (!readTensor(type, tensor, error)) return false;
  inputs.push_back(tensor);
  return true;
}

bool LoadedSession::addOutput(const char* name, size_t index, const TypeInfo* type, const ErrorText& error) {
  Kind kind = Kind::kUnknown;
  if (failed(api, getKind(api, type, &kind), error)) return false;
  if (kind == Kind::kSequence) return addSequence(name, index, type, error);
  if (kind != Kind::kTensor) {
    return error.write("output " + quoted(name) + " is " + kindName(kind) + ", served are tensors and sequences");
  }
  EngineTensor tensor{};
  tensor.name = name;
  if (!readTensor(type, tensor, error)) return false;
  outputs.push_back(tensor);
  sources.push_back({index, Part::kWhole});
  return true;
}

bool LoadedSession::addSequence(const char* name, size_t index, const TypeInfo* type, const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  const SequenceInfo* info = nullptr;
  Held element(api);
  Kind kind = Kind::kUnknown;
  if (bad(castToSequenceInfo(api, type, &info)) || bad(getSequenceElementType(api, info, element.put())) ||
      bad(getKind(api, element.get(), &kind))) {
    return false;
  }
  if (kind == Kind::kMap) return addMaps(name, index, element.get(), error);
  if (kind != Kind::kTensor) {
    return error.write("output " + quoted(name) + " is a sequence whose members are " + kindName(kind) +
                       ", served are those of tensors and maps");
  }
  EngineTensor tensor{};
  tensor.name = name;
  return readTensor(element.get(), tensor, error) &&
         addPart(std::string(name) + ".values", {index, Part::kItems}, tensor.dtype, 1, error) &&
         addPart(std::string(name) + ".shapes", {index, Part::kShapes}, DType::kInt64, 2, error);
}

bool LoadedSession::addMaps(const char* name, size_t index, const TypeInfo* type, const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  const MapInfo* info = nullptr;
  Held valueType(api);
  int key = 0;
  Kind kind = Kind::kUnknown;
  if (bad(castToMapInfo(api, type, &info)) || bad(getMapKeyType(api, info, &key)) ||
      bad(getMapValueType(api, info, valueType.put())) || bad(getKind(api, valueType.get(), &kind))) {
    return false;
  }
  if (kind != Kind::kTensor) {
    return error.write("output " + quoted(name) + " is a sequence of maps whose values are " + kindName(kind) +
                       ", served are plain values");
  }
  EngineTensor value{};
  value.name = name;
  return readTensor(valueType.get(), value, error) &&
         addPart(std::string(name) + ".keys", {index, Part::kKeys}, static_cast<DType>(key), 2, error) &&
         addPart(std::string(name) + ".values", {index, Part::kValues}, value.dtype, 2, error);
}

// A tensor that stands for a part of an output; its sizes are known only after a run.
bool LoadedSession::addPart(const std::string& name, Output source, DType dtype, int32_t rank,
                            const ErrorText& error) {
  if (!served(dtype)) {
    return error.write("'" + name + "' has ONNX element type " + std::to_string(static_cast<int>(dtype)) +
                       ", which is not served");
  }
  EngineTensor tensor{};
  tensor.name = keep(name);
  tensor.dtype = dtype;
  tensor.rank = rank;
  // Only members of a sequence of maps can be rows.
  tensor.ofRun = source.part == Part::kItems || source.part == Part::kShapes;
  for (int32_t d = 0; d < rank; d++) {
    tensor.dims[d] = kUnknownDim;
    tensor.symbols[d] = "";
  }
  outputs.push_back(tensor);
  sources.push_back(source);
  return true;
}

bool LoadedSession::readTensor(const TypeInfo* type, EngineTensor& tensor, const ErrorText& error) {
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  const TensorInfo* info = nullptr;
  int dtype = 0;
  size_t rank = 0;
  if (bad(castToTensorInfo(api, type, &info)) || bad(getElementType(api, info, &dtype)) ||
      bad(getRank(api, info, &rank))) {
    return false;
  }
  tensor.dtype = static_cast<DType>(dtype);
  if (!served(tensor.dtype)) {
    return error.write(quoted(tensor.name) + " has ONNX element type " + std::to_string(dtype) +
                       ", which is not served");
  }
  if (rank > static_cast<size_t>(kMaxRank)) {
    return error.write(quoted(tensor.name) + " has rank " + std::to_string(rank) + ", the most is " +
                       std::to_string(kMaxRank));
  }
  const char* symbols[kMaxRank] = {};
  if (bad(getDims(api, info, tensor.dims, rank)) || bad(getSymbols(api, info, symbols, rank))) return false;
  for (size_t d = 0; d < rank; d++) tensor.symbols[d] = keep(symbols[d] == nullptr ? "" : symbols[d]);
  const bool known = rank > 0 || !library.hasShape || hasShape(api, info);
  tensor.rank = known ? static_cast<int32_t>(rank) : kUnknownRank;
  return true;
}

const char* LoadedSession::keep(std::string text) {
  texts_.push_back(std::make_unique<std::string>(std::move(text)));
  return texts_.back()->c_str();
}

}  // namespace cb::ort
