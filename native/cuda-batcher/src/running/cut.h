// A request of more rows than one batch takes, and what there is of its answer. Its pieces wait and run as requests of
// their own, a few at a time, in batches with others' rows (decision 0028).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "running/delivery.h"

namespace cb {

// Rows of one request, at most.
constexpr int32_t kCutRowsMax = 1 << 20;
// Bytes that the outputs of one request may have together: more travel on no link.
constexpr size_t kCutAnswerBytesMax = size_t{64} << 20;
// Requests that are being run in pieces at a time.
constexpr size_t kCutsMax = 64;

class Cut {
 public:
  Cut(Request* whole, int32_t pieceRows) : whole_(whole), pieceRows_(pieceRows) {}

  // These under the batcher's lock.
  const Request& whole() const { return *whole_; }
  int32_t rowsLeft() const { return whole_->rows - nextRow_; }
  int32_t under() const { return under_; }
  bool ended() const;             // no more pieces are wanted
  void next(Request& piece);      // fills in the next piece
  void settled() { under_--; }    // a piece has ended, however that was

  // From any thread: what became of a piece. Rows are copied: the batch's memory is free afterwards.
  void take(const Request& piece, const Delivery& batch, size_t firstRow);
  void fail(const std::string& error, const Delivery& of = {});
  void drop(bool stopped);
  void cancel() { fail("the caller gave up"); }

  // Once no piece is under way: hands the request over, answered, failed or dropped.
  void finish(Delivery& delivery);

 private:
  std::string store(const Request& piece, const Delivery& batch, size_t firstRow);

  Request* const whole_;
  const int32_t pieceRows_;
  int32_t nextRow_ = 0;
  int32_t under_ = 0;

  mutable std::mutex mutex_;
  std::vector<EngineBuffer> outputs_;
  std::vector<std::unique_ptr<uint8_t[]>> memory_;  // of `outputs_`
  std::string error_;
  bool overdue_ = false;
  bool exhausted_ = false;
  bool refused_ = false;
  bool dropped_ = false;
  bool stopped_ = false;
  BatchTimes times_;
};

}  // namespace cb
