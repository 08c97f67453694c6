#include "engines/onnxruntime/outputs.h"

#include <algorithm>
#include <memory>

#include "engines/onnxruntime/text.h"

namespace cb::ort {

namespace {

// A value's shape and where its elements are; no place for strings.
struct Tensor {
  DType dtype = DType::kFloat32;
  size_t rank = 0;
  int64_t dims[kMaxRank] = {};
  size_t elements = 0;
  void* data = nullptr;
  size_t bytes() const { return elements * elementBytes(dtype); }
};

bool look(const LoadedSession& model, const char* name, Value* value, Tensor& tensor, const ErrorText& error) {
  const void* api = model.api;
  const auto bad = [&](Status* status) { return failed(api, status, error); };
  if (value == nullptr) return error.write("output '" + std::string(name) + "' did not come");
  TensorInfo* info = nullptr;
  int dtype = 0;
  if (bad(getTensorInfo(api, value, &info))) return false;
  bool ok = !bad(getElementType(api, info, &dtype)) && !bad(getRank(api, info, &tensor.rank)) &&
            !bad(getElementCount(api, info, &tensor.elements));
  if (ok && tensor.rank > static_cast<size_t>(kMaxRank)) {
    ok = error.write("output '" + std::string(name) + "' came with rank " + std::to_string(tensor.rank) +
                     ", the most is " + std::to_string(kMaxRank));
  }
  ok = ok && !bad(getDims(api, info, tensor.dims, tensor.rank));
  releaseTensorInfo(api, info);
  tensor.dtype = static_cast<DType>(dtype);
  return ok && (tensor.dtype == DType::kString || !bad(getTensorData(api, value, &tensor.data)));
}

void setShape(EngineBuffer& buffer, std::initializer_list<int64_t> dims) {
  buffer.rank = static_cast<int32_t>(dims.size());
  std::copy(dims.begin(), dims.end(), buffer.dims);
}

void give(EngineBuffer& buffer, std::unique_ptr<Owner> owner) {
  static uint8_t none = 0;  // an empty tensor has an address too
  if (owner->value == nullptr) {
    buffer.bytes = owner->bytes.size();
    buffer.data = owner->bytes.empty() ? &none : owner->bytes.data();
  }
  if (buffer.data == nullptr) buffer.data = &none;
  buffer.owner = owner.release();
}

// Appends a value's elements.
bool append(const LoadedSession& model, const Value* value, const Tensor& tensor, std::vector<uint8_t>& bytes,
            const ErrorText& error) {
  if (tensor.dtype == DType::kString) return readText(model, value, tensor.elements, bytes, error);
  const uint8_t* from = static_cast<const uint8_t*>(tensor.data);
  if (tensor.elements > 0) bytes.insert(bytes.end(), from, from + tensor.bytes());
  return true;
}

// A tensor goes out as it is, in the engine's own memory; one of strings is written out.
bool collectWhole(const LoadedSession& model, const char* name, Value*& value, EngineBuffer& buffer,
                  const ErrorText& error) {
  Tensor tensor;
  if (!look(model, name, value, tensor, error)) return false;
  auto owner = std::make_unique<Owner>();
  owner->api = model.api;
  if (tensor.dtype == DType::kString) {
    if (!append(model, value, tensor, owner->bytes, error)) return false;
  } else {
    owner->value = value;
    value = nullptr;
    buffer.data = tensor.data;
    buffer.bytes = tensor.bytes();
  }
  buffer.rank = static_cast<int32_t>(tensor.rank);
  std::copy(tensor.dims, tensor.dims + tensor.rank, buffer.dims);
  give(buffer, std::move(owner));
  return true;
}

// Keys (part 0) or values (part 1) of one map.
bool appendMap(const LoadedSession& model, const char* name, const Value* map, int part, size_t& entries,
               std::vector<uint8_t>& bytes, const ErrorText& error) {
  Values held(model.api, 1);
  Tensor tensor;
  if (failed(model.api, getPart(model.api, map, part, model.allocator, held.data()), error)) return false;
  if (!look(model, name, held[0], tensor, error)) return false;
  entries = tensor.elements;
  return append(model, held[0], tensor, bytes, error);
}

bool collectMaps(const LoadedSession& model, size_t index, const Value* value, EngineBuffer& buffer,
                 const ErrorText& error) {
  const char* name = model.outputs[index].name;
  const int part = model.sources[index].part == Part::kKeys ? 0 : 1;
  auto owner = std::make_unique<Owner>();
  size_t entries = 0;
  size_t maps = 0;
  if (failed(model.api, getPartCount(model.api, value, &maps), error)) return false;
  for (size_t i = 0; i < maps; i++) {
    Values map(model.api, 1);
    size_t found = 0;
    if (failed(model.api, getPart(model.api, value, static_cast<int>(i), model.allocator, map.data()), error) ||
        !appendMap(model, name, map[0], part, found, owner->bytes, error)) {
      return false;
    }
    if (i > 0 && found != entries) {
      return error.write("output '" + std::string(name) + "' has a map of " + std::to_string(found) +
                         " entries after one of " + std::to_string(entries) +
                         ": maps of different size make no tensor");
    }
    entries = found;
  }
  setShape(buffer, {static_cast<int64_t>(maps), static_cast<int64_t>(entries)});
  give(buffer, std::move(owner));
  return true;
}

bool collectItems(const LoadedSession& model, size_t index, const Value* value, EngineBuffer& buffer,
                  const ErrorText& error) {
  const char* name = model.outputs[index].name;
  const bool shapes = model.sources[index].part == Part::kShapes;
  auto owner = std::make_unique<Owner>();
  size_t items = 0;
  size_t elements = 0;
  size_t rank = 0;
  if (failed(model.api, getPartCount(model.api, value, &items), error)) return false;
  for (size_t i = 0; i < items; i++) {
    Values item(model.api, 1);
    Tensor tensor;
    if (failed(model.api, getPart(model.api, value, static_cast<int>(i), model.allocator, item.data()), error) ||
        !look(model, name, item[0], tensor, error)) {
      return false;
    }
    if (i > 0 && tensor.rank != rank) {
      return error.write("output '" + std::string(name) + "' has a tensor of rank " + std::to_string(tensor.rank) +
                         " after one of rank " + std::to_string(rank) + ": their shapes make no tensor");
    }
    rank = tensor.rank;
    elements += tensor.elements;
    const uint8_t* dims = reinterpret_cast<const uint8_t*>(tensor.dims);
    if (shapes) {
      owner->bytes.insert(owner->bytes.end(), dims, dims + rank * sizeof(int64_t));
    } else if (!append(model, item[0], tensor, owner->bytes, error)) {
      return false;
    }
  }
  if (shapes) {
    setShape(buffer, {static_cast<int64_t>(items), static_cast<int64_t>(rank)});
  } else {
    setShape(buffer, {static_cast<int64_t>(elements)});
  }
  give(buffer, std::move(owner));
  return true;
}

bool collectOne(const LoadedSession& model, size_t index, Values& values, EngineBuffer& buffer,
                const ErrorText& error) {
  const Output& source = model.sources[index];
  Value*& value = values[source.index];
  if (value == nullptr) return error.write("output '" + std::string(model.outputs[index].name) + "' did not come");
  switch (source.part) {
    case Part::kWhole:
      return collectWhole(model, model.outputs[index].name, value, buffer, error);
    case Part::kKeys:
    case Part::kValues:
      return collectMaps(model, index, value, buffer, error);
    case Part::kItems:
    case Part::kShapes:
      return collectItems(model, index, value, buffer, error);
  }
  return false;
}

}  // namespace

bool collect(const LoadedSession& model, Values& values, EngineBuffer* out, const ErrorText& error) {
  for (size_t i = 0; i < model.outputs.size(); i++) {
    if (out[i].data != nullptr || collectOne(model, i, values, out[i], error)) continue;
    for (size_t filled = 0; filled < i; filled++) {
      delete static_cast<Owner*>(out[filled].owner);
      out[filled].owner = nullptr;
    }
    return false;
  }
  return true;
}

}  // namespace cb::ort
