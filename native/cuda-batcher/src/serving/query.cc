#include "serving/query.h"

#include <algorithm>
#include <limits>

#include "running/model.h"
#include "serving/typed_contents.h"

namespace cb::link {

namespace {

// The shape's elements; 0 when it does not fit, or has an axis without elements, or more than any message
// holds.
uint64_t elements(const Tensor& tensor, const int64_t* shape, size_t rank) {
  constexpr uint64_t most = uint64_t{1} << 40;
  if (rank != tensor.dims.size()) return 0;
  uint64_t count = 1;
  for (size_t axis = 0; axis < rank; axis++) {
    const int64_t dim = shape[axis];
    if (dim <= 0 || static_cast<uint64_t>(dim) > most / count) return 0;
    if (tensor.dims[axis] >= 0 && tensor.dims[axis] != dim) return 0;
    count *= static_cast<uint64_t>(dim);
  }
  return count;
}

// An engine may take a byte that is neither 0 nor 1 for true in one place and for false in another.
bool truths(const uint8_t* data, size_t bytes) {
  return std::all_of(data, data + bytes, [](uint8_t byte) { return byte <= 1; });
}

// Fills `raw` with an input of the tensor's datatype and shape, and of their size. Of all inputs either the raw or the typed form
// comes, and typed ones are unpacked into `unpacked` where they have to be.
bool inputFits(const Tensor& tensor, const std::string& datatype, const wire::InferHead& head, size_t at, const uint8_t* body,
               RequestInput& raw, std::vector<wire::Bytes>& unpacked) {
  const wire::ScannedInput& input = head.inputs[at];
  const size_t element = elementBytes(tensor.dtype);
  if (element == 0 || !tensor.ranked || input.contents != head.raw.empty() || input.datatype != datatype) return false;
  const uint64_t count = elements(tensor, head.dims.data() + input.dimsAt, input.rank);
  if (count == 0) return false;
  if (input.contents) {
    wire::Bytes own;
    if (!readTyped(tensor.dtype, count, body + input.typed.offset, input.typed.bytes, raw, own)) return false;
    if (own.size() > 0) unpacked.push_back(std::move(own));
    return true;
  }
  raw = {body + head.raw[at].offset, head.raw[at].bytes};
  return count * element == raw.bytes && (tensor.dtype != DType::kBool || truths(raw.data, raw.bytes));
}

// Where an input of this name is among those sent; often where the model has it.
size_t findInput(const wire::InferHead& head, const std::string& name, size_t likely) {
  if (head.inputs[likely].name == name) return likely;
  const auto found = std::find_if(head.inputs.begin(), head.inputs.end(),
                                  [&](const wire::ScannedInput& input) { return input.name == name; });
  return static_cast<size_t>(found - head.inputs.begin());
}

bool outputsFit(const Model& model, const wire::InferHead& head, std::vector<uint32_t>& outputs) {
  outputs.clear();
  const std::vector<Tensor>& all = model.outputs();
  if (head.requestedOutputs.empty()) {
    for (uint32_t i = 0; i < all.size(); i++) outputs.push_back(i);
    return true;
  }
  for (const std::string_view name : head.requestedOutputs) {
    uint32_t i = 0;
    while (i < all.size() && all[i].name != name) i++;
    if (i == all.size()) return false;
    outputs.push_back(i);
  }
  return true;
}

}  // namespace

bool fits(const Model& model, const Signature& signature, const wire::InferHead& head, const uint8_t* body,
          Request& request, Query& query) {
  const std::vector<Tensor>& inputs = model.inputs();
  // What was not described yet is JavaScript's to judge.
  if (signature.inputs.size() != inputs.size() || signature.outputs.size() != model.outputs().size()) return false;
  if (head.inputs.size() != inputs.size()) return false;
  if (!head.raw.empty() && head.raw.size() != inputs.size()) return false;
  request.inputs.resize(inputs.size());
  request.dims.clear();
  request.bytes = 0;
  request.rows = 1;
  bool open = false;  // whether more than the batch axis is
  for (size_t i = 0; i < inputs.size(); i++) {
    const size_t at = findInput(head, inputs[i].name, i);
    if (at == head.inputs.size()) return false;
    const wire::ScannedInput& input = head.inputs[at];
    if (!inputFits(inputs[i], signature.inputs[i], head, at, body, request.inputs[i], query.unpacked)) return false;
    const int64_t* dims = head.dims.data() + input.dimsAt;
    request.bytes += request.inputs[i].bytes;
    request.dims.insert(request.dims.end(), dims, dims + input.rank);
    open = open || inputs[i].rowBytes < 0;
    if (!model.batchable()) continue;
    if (i > 0 && dims[0] != request.rows) return false;
    if (dims[0] > std::numeric_limits<int32_t>::max()) return false;
    request.rows = static_cast<int32_t>(dims[0]);
  }
  if (!signature.limits.take(request.dims)) return false;
  if (!open) request.dims.clear();
  return outputsFit(model, head, query.outputs);
}

}  // namespace cb::link
