// One query of a link between its frame and its answer, and whether it is one that this path can run.
#pragma once

#include <memory>
#include <vector>

#include "frames/bytes.h"
#include "frames/frame.h"
#include "frames/infer_scan.h"
#include "scheduling/request.h"
#include "serving/axis_limits.h"

namespace cb {
class Model;
}

namespace cb::link {

class Connection;
class Served;

struct Query {
  std::shared_ptr<Connection> connection;
  std::shared_ptr<Served> served;
  uint32_t id = 0;
  uint32_t ticket = 0;
  wire::Bytes body;  // the inputs lie in it
  std::vector<wire::Bytes> unpacked;  // or in these, those that came as packed integers
  double receivedMs = 0;
  wire::TraceContext trace;
  std::vector<uint32_t> outputs;  // indices of those wanted, in the caller's order
};

// What the wire calls the element types of a model's inputs and outputs, in the model's order, and how large inputs may be.
struct Signature {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  AxisLimits limits = {};
};

// Fills `request` (rows, inputs, dims, bytes), `query.outputs` and `query.unpacked` from a request that fits the model: all
// inputs there, all raw or all typed, in its datatypes and shapes, of the right size, no larger than may be. False: it does not,
// or in some rare way; JavaScript then judges it by the whole rule (services/executor/src/serving/infer-check.ts) and finds the words.
bool fits(const Model& model, const Signature& signature, const wire::InferHead& head, const uint8_t* body,
          Request& request, Query& query);

}  // namespace cb::link
