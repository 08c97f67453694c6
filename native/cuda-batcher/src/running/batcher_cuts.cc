// Requests of more rows than a batch takes: a batcher runs them in pieces, and answers them as a whole.
#include <algorithm>

#include "running/batcher.h"

namespace cb {

namespace {

// Pieces of one that is to run the same way each time are all equal parts of the largest batch.
constexpr int32_t kAlonePerBatch = 2;
// A request in pieces lets everybody pass while it has so many times what is left of it until its deadline.
constexpr double kPatience = 3;

}  // namespace

Submitted Batcher::submitCut(Request* request) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return Submitted::kClosed;
    const double nowMs = request->arrivalMs;
    if (running_.count() == 0) scheduler_.idleAt(nowMs);
    if (request->deadlineMs <= nowMs || soonestAtMs(nowMs, request->rows) > request->deadlineMs) {
      counters_.refusedDeadline++;
      return Submitted::kDeadline;
    }
    if (cuts_.size() >= kCutsMax || request->rows > kCutRowsMax || !misfit_.empty() ||
        cutBytes_ + scheduler_.queue().bytes() + request->bytes > options_.queueBytesMax) {
      counters_.refusedFull++;
      return Submitted::kFull;
    }
    counters_.requests++;
    counters_.rows += static_cast<uint64_t>(request->rows);
    cutBytes_ += request->bytes;
    cuts_.push_back(std::make_unique<Cut>(
        request, request->alone ? std::max(1, options_.maxBatch / kAlonePerBatch) : scheduler_.pieceRows()));
    pushPieces(*cuts_.back());
  }
  work_.notify_all();
  return Submitted::kAccepted;
}

// Under the lock. One piece for each engine and one behind them: the rest waits where it is in nobody's way. A piece is a
// batch by itself: with others beside it, they would wait for all of it.
void Batcher::pushPieces(Cut& cut) {
  const Request& whole = cut.whole();
  while (!cut.ended() && cut.under() <= options_.instances) {
    const double nowMs = clock_();
    // It takes what others leave; ageing lets it in where they leave nothing.
    const double leftMs = scheduler_.answeredAtMs(nowMs, cut.rowsLeft()) - nowMs;
    Request* piece = blank();
    cut.next(*piece);
    piece->yields = nowMs + kPatience * leftMs <= whole.deadlineMs;
    piece->lane = piece->yields ? options_.lanes - 1 : whole.lane;
    piece->maxBatch = piece->rows;
    piece->arrivalMs = nowMs;
    scheduler_.offered(piece->rows);
    scheduler_.push(piece);
  }
}

// Hands a delivery to its receiver; pieces in it are given to the request they are of.
void Batcher::handOver(std::unique_ptr<Delivery> delivery) {
  size_t firstRow = 0;
  size_t others = 0;
  std::vector<Cut*> ended;
  for (const Request* member : delivery->members) {
    if (member->cut == nullptr) {
      others++;
    } else {
      member->cut->take(*member, *delivery, firstRow);
      ended.push_back(member->cut);
    }
    firstRow += static_cast<size_t>(member->rows);
  }
  std::vector<Request*>& dropped = delivery->dropped;
  const auto firstPiece = std::stable_partition(dropped.begin(), dropped.end(),
                                                [](const Request* request) { return request->cut == nullptr; });
  for (auto piece = firstPiece; piece != dropped.end(); ++piece) {
    (*piece)->cut->drop(delivery->stopped);
    ended.push_back((*piece)->cut);
    recycle(*piece);
  }
  dropped.erase(firstPiece, dropped.end());
  if (others > 0 || !dropped.empty()) {
    deliver_(std::move(delivery));
  } else {
    finish(std::move(delivery), false, clock_());
  }
  if (!ended.empty()) settlePieces(ended);
}

void Batcher::settlePieces(const std::vector<Cut*>& ended) {
  std::vector<std::unique_ptr<Cut>> done;
  bool wanted = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Cut* cut : ended) cut->settled();
    for (Cut* cut : ended) {
      const auto at = std::find_if(cuts_.begin(), cuts_.end(), [&](const auto& one) { return one.get() == cut; });
      if (at == cuts_.end()) continue;  // seen to already: several of its pieces ended together
      if (stopping_ && cut->rowsLeft() > 0) cut->drop(true);
      pushPieces(*cut);
      if (cut->under() > 0) continue;
      cutBytes_ -= cut->whole().bytes;
      done.push_back(std::move(*at));
      cuts_.erase(at);
    }
    wanted = idleIsWanted();
  }
  if (wanted) work_.notify_all();
  for (const auto& cut : done) {
    std::unique_ptr<Delivery> delivery = blankDelivery();
    cut->finish(*delivery);
    deliver_(std::move(delivery));
  }
}

// What runs by itself counts as one batch, however many rows it has.
void Batcher::countRows(Request& request) const {
  if (request.rows <= options_.maxBatch) return;
  request.batches = static_cast<double>(request.rows) / options_.maxBatch;
  request.rows = options_.maxBatch;
}

// Under the lock: rows of requests in pieces that are no piece yet.
int64_t Batcher::uncutRows() const {
  int64_t rows = 0;
  for (const auto& cut : cuts_) rows += cut->rowsLeft();
  return rows;
}

}  // namespace cb
