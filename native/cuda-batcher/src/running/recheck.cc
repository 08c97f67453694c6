#include "running/recheck.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "running/tensor_difference.h"

namespace cb {

namespace {

constexpr double kMsPerSecond = 1e3;
// Two differences at most so many checks apart are no chance meeting of a sum with an edge.
constexpr uint64_t kRecheckWindow = 100;

size_t rowBytesOf(const EngineBuffer& output, const Delivery& batch) {
  return output.bytes / static_cast<size_t>(batch.paddedRows);
}

size_t bytesOf(const Request& member, const Delivery& batch) {
  size_t bytes = member.bytes;
  for (const EngineBuffer& output : batch.outputs) bytes += rowBytesOf(output, batch) * static_cast<size_t>(member.rows);
  return bytes;
}

uint8_t* copied(std::vector<std::unique_ptr<uint8_t[]>>& memory, const void* from, size_t bytes) {
  memory.emplace_back(new uint8_t[std::max<size_t>(bytes, 1)]);
  if (bytes > 0) std::memcpy(memory.back().get(), from, bytes);
  return memory.back().get();
}

bool sameShape(const EngineBuffer& a, const EngineBuffer& b) {
  return a.bytes == b.bytes && a.rank == b.rank && std::equal(a.dims, a.dims + a.rank, b.dims);
}

}  // namespace

Recheck::Recheck(const Model& model, Clock clock, double tolerance, bool proven)
    : model_(model),
      clock_(clock),
      tolerance_(tolerance),
      proven_(proven),
      nextAtMs_(tolerance >= 0 && model.batchable() ? 0 : kNoDeadline) {}

void Recheck::keep(const Delivery& batch) {
  if (batch.members.size() < 2 || batch.times.copiedOutMs < nextAtMs_.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (kept_ != nullptr || underWay_) return;
  const size_t chosen = turn_++ % batch.members.size();
  size_t firstRow = 0;
  for (size_t i = 0; i < chosen; i++) firstRow += static_cast<size_t>(batch.members[i]->rows);
  const Request& member = *batch.members[chosen];
  // A piece is no request: alone it would have run with the rest of its rows.
  if (member.cut != nullptr || bytesOf(member, batch) > kRecheckBytesMax) return;
  const double startMs = clock_();
  try {
    kept_ = copyOf(batch, member, firstRow);
  } catch (const std::bad_alloc&) {
    return;  // memory is needed elsewhere
  }
  kept_->tookMs = clock_() - startMs;
  nextAtMs_ = startMs + kMsPerSecond / kRechecksPerSecondMax;
}

std::unique_ptr<KeptRequest> Recheck::copyOf(const Delivery& batch, const Request& member, size_t firstRow) const {
  auto kept = std::make_unique<KeptRequest>();
  Request& request = kept->request;
  request.ticket = kNoTicket;
  request.rows = member.rows;
  request.maxBatch = member.rows;
  request.bytes = member.bytes;
  request.dims = member.dims;
  request.shapeKey = member.shapeKey;
  for (const RequestInput& input : member.inputs) {
    request.inputs.push_back({copied(kept->memory, input.data, input.bytes), input.bytes});
  }
  for (const EngineBuffer& output : batch.outputs) {
    const size_t rowBytes = rowBytesOf(output, batch);
    EngineBuffer own = output;
    own.bytes = rowBytes * static_cast<size_t>(member.rows);
    own.data = copied(kept->memory, static_cast<const uint8_t*>(output.data) + rowBytes * firstRow, own.bytes);
    own.owner = nullptr;
    own.dims[0] = member.rows;
    kept->outputs.push_back(own);
  }
  return kept;
}

bool Recheck::waits() {
  if (nextAtMs_.load(std::memory_order_relaxed) == kNoDeadline) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  return kept_ != nullptr;
}

std::unique_ptr<KeptRequest> Recheck::take() {
  if (nextAtMs_.load(std::memory_order_relaxed) == 0) return nullptr;  // nothing was kept yet
  std::lock_guard<std::mutex> lock(mutex_);
  underWay_ = kept_ != nullptr;
  return std::move(kept_);
}

std::string Recheck::difference(const Request& request, const std::vector<EngineBuffer>& kept,
                                const std::vector<EngineBuffer>& alone) const {
  for (size_t i = 0; i < kept.size(); i++) {
    const Tensor& tensor = model_.outputs()[i];
    double by = kNoDeadline;
    double allowed = tolerance_;
    if (sameShape(kept[i], alone[i])) {
      const auto* first = static_cast<const uint8_t*>(alone[i].data);
      const auto* second = static_cast<const uint8_t*>(kept[i].data);
      const TensorDifference found = tensorDifference(tensor.dtype, first, second, kept[i].bytes);
      by = found.largest;
      allowed = allowedDifference(tolerance_, tensor.dtype, found.magnitude);
    }
    if (by <= allowed) continue;
    for (size_t input = 0; input < request.inputs.size(); input++) {
      const RequestInput& given = request.inputs[input];
      if (holdsNaN(model_.inputs()[input].dtype, given.data, given.bytes)) return {};
    }
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "differed by %.3g from that alone, %.3g is allowed", by, allowed);
    return "output '" + tensor.name + "' of a request in company " + numbers;
  }
  return {};
}

bool Recheck::judged(bool differs, double tookMs) {
  std::lock_guard<std::mutex> lock(mutex_);
  underWay_ = false;
  checks_++;
  nextAtMs_ = clock_() + std::max(kMsPerSecond / kRechecksPerSecondMax, tookMs / kRecheckShareMax);
  if (!differs) return false;
  const bool again = differedAt_ > 0 && checks_ - differedAt_ <= kRecheckWindow;
  differedAt_ = checks_;
  if (proven_ && !again) return false;
  nextAtMs_ = kNoDeadline;  // nothing has company any more
  return true;
}

}  // namespace cb
