#include "running/cut.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace cb {

bool Cut::ended() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return nextRow_ == whole_->rows || dropped_ || !error_.empty();
}

void Cut::next(Request& piece) {
  const int32_t rows = std::min(pieceRows_, rowsLeft());
  const size_t from = static_cast<size_t>(nextRow_);
  piece.ticket = kNoTicket;
  piece.queryId = whole_->queryId;
  piece.owner = nullptr;
  piece.cut = this;
  piece.cutRow = nextRow_;
  piece.rows = rows;
  piece.bytes = 0;  // counted with the whole
  piece.alone = whole_->alone;
  piece.deadlineMs = whole_->deadlineMs;
  piece.dims = whole_->dims;
  piece.shapeKey = whole_->shapeKey;
  piece.inputs.resize(whole_->inputs.size());
  for (size_t i = 0; i < piece.inputs.size(); i++) {
    const size_t rowBytes = whole_->inputs[i].bytes / static_cast<size_t>(whole_->rows);
    piece.inputs[i] = {whole_->inputs[i].data + rowBytes * from, rowBytes * static_cast<size_t>(rows)};
  }
  nextRow_ += rows;
  under_++;
}

void Cut::take(const Request& piece, const Delivery& batch, size_t firstRow) {
  if (!batch.error.empty()) {
    fail(batch.error, batch);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (!error_.empty() || dropped_) return;
  try {
    error_ = store(piece, batch, firstRow);
  } catch (const std::bad_alloc&) {
    error_ = "out of memory for the answer to " + std::to_string(whole_->rows) + " rows";
    exhausted_ = true;
  }
  if (times_.takenMs == 0) times_ = batch.times;
  times_.ranMs = std::max(times_.ranMs, batch.times.ranMs);
  times_.copiedOutMs = std::max(times_.copiedOutMs, batch.times.copiedOutMs);
}

std::string Cut::store(const Request& piece, const Delivery& batch, size_t firstRow) {
  const size_t rows = static_cast<size_t>(whole_->rows);
  const bool first = memory_.empty();
  size_t bytes = 0;
  for (size_t i = 0; i < batch.outputs.size(); i++) {
    const EngineBuffer& from = batch.outputs[i];
    if (from.rank < 1 || from.dims[0] != batch.paddedRows) {
      return "output " + std::to_string(i) + " has " + std::to_string(from.rank < 1 ? 0 : from.dims[0]) + " rows for " +
             std::to_string(batch.paddedRows) + ": a request of " + std::to_string(rows) + " rows can't be run in pieces";
    }
    const size_t rowBytes = from.bytes / static_cast<size_t>(batch.paddedRows);
    bytes += rowBytes * rows;
    if (bytes > kCutAnswerBytesMax) {
      exhausted_ = true;
      return "the answer to " + std::to_string(rows) + " rows has more than the " + std::to_string(kCutAnswerBytesMax) +
             " bytes that one answer may have";
    }
    if (first) {
      outputs_.push_back(from);
      memory_.emplace_back(new uint8_t[std::max<size_t>(rowBytes * rows, 1)]);
      EngineBuffer& to = outputs_.back();
      to.data = memory_.back().get();
      to.bytes = rowBytes * rows;
      to.dims[0] = whole_->rows;
      to.owner = nullptr;
    }
    const EngineBuffer& to = outputs_[i];
    if (to.rank != from.rank || !std::equal(from.dims + 1, from.dims + from.rank, to.dims + 1)) {
      return "output " + std::to_string(i) + " came in rows of different shapes: they make no tensor";
    }
    std::memcpy(static_cast<uint8_t*>(to.data) + rowBytes * static_cast<size_t>(piece.cutRow),
                static_cast<const uint8_t*>(from.data) + rowBytes * firstRow, rowBytes * static_cast<size_t>(piece.rows));
  }
  return {};
}

void Cut::fail(const std::string& error, const Delivery& of) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!error_.empty() || dropped_) return;
  error_ = error;
  overdue_ = of.overdue;
  exhausted_ = of.exhausted;
  refused_ = of.refused;
}

void Cut::drop(bool stopped) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!error_.empty() || dropped_) return;
  dropped_ = true;
  stopped_ = stopped;
}

void Cut::finish(Delivery& delivery) {
  std::lock_guard<std::mutex> lock(mutex_);
  delivery.stopped = stopped_;
  delivery.error = error_;
  delivery.overdue = overdue_;
  delivery.exhausted = exhausted_;
  delivery.refused = refused_;
  (dropped_ ? delivery.dropped : delivery.members).push_back(whole_);
  if (dropped_) return;
  delivery.rows = whole_->rows;
  delivery.paddedRows = whole_->rows;
  delivery.times = times_;
  if (!error_.empty()) return;
  delivery.outputs = outputs_;
  delivery.kept = std::make_shared<std::vector<std::unique_ptr<uint8_t[]>>>(std::move(memory_));
}

}  // namespace cb
