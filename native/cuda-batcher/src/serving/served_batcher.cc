#include "serving/served_batcher.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "frames/answer_encode.h"

namespace cb::link {

namespace {

// Canonical gRPC codes.
constexpr uint8_t kInvalidArgument = 3;
constexpr uint8_t kDeadlineExceeded = 4;
constexpr uint8_t kResourceExhausted = 8;
constexpr uint8_t kInternal = 13;
constexpr uint8_t kUnavailable = 14;

uint8_t codeOf(const Delivery& failed) {
  if (failed.overdue) return kDeadlineExceeded;
  if (failed.exhausted) return kResourceExhausted;
  return failed.refused ? kInvalidArgument : kInternal;
}

// Outputs up to so many bytes are copied into the answer, so that their slab is free for the next batch at
// once.
constexpr size_t kCopyBytesMax = 16 * 1024;
// How long a load may be told again, as in services/executor/src/serving/reporter.ts: predicting a long
// queue's drain takes time.
constexpr double kRepeatWithinMs = 1;
// Batches remembered until the figures are taken; beyond it the oldest make room.
constexpr size_t kSamplesMax = 4096;
// Sampled queries remembered until the figures are taken (decision 0024); of those beyond it only the number
// is kept.
constexpr size_t kTracesMax = 64;
// JavaScript's tickets are the even ones.
constexpr uint32_t kTicketStep = 2;

// A number as JavaScript prints it, for everyday magnitudes.
std::string plain(double number) {
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr;
  return {digits, end};
}

std::string oneDecimal(double number) {
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed, 1).ptr;
  return {digits, end};
}

// A delivery whose outputs lie in answers that wait to be sent; it ends with the last of them.
struct Hold {
  Hold(std::shared_ptr<Batcher> from, std::unique_ptr<Delivery> held, double atMs)
      : batcher(std::move(from)), delivery(std::move(held)), deliveredMs(atMs) {}
  ~Hold() { batcher->finish(std::move(delivery), false, deliveredMs); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  std::shared_ptr<Batcher> batcher;
  std::unique_ptr<Delivery> delivery;
  double deliveredMs;
};

}  // namespace

struct Served::Batch {
  const Delivery& delivery;
  std::shared_ptr<Hold> hold;  // null: JavaScript has the delivery too, so nothing of it may be lent
  double nowMs;
  bool whole;  // one request ran by itself and gets all of every output
  std::vector<std::shared_ptr<Connection>> touched;
  std::vector<TraceSample> traces;
};

Served::Served(std::shared_ptr<Batcher> batcher, std::shared_ptr<ShapeKeys> shapes, std::function<void()> onIdle)
    : batcher_(std::move(batcher)), shapes_(std::move(shapes)), onIdle_(std::move(onIdle)) {}

void Served::describe(Signature signature) {
  auto described = std::make_shared<const Signature>(std::move(signature));
  std::lock_guard<std::mutex> lock(mutex_);
  signature_.swap(described);
}

std::shared_ptr<const Signature> Served::signature() {
  std::lock_guard<std::mutex> lock(mutex_);
  return signature_;
}

void Served::enter() { inFlight_++; }

void Served::leave() {
  if (--inFlight_ == 0 && watched_) onIdle_();
}

bool Served::run(const std::shared_ptr<Connection>& connection, wire::Frame& frame, const wire::InferHead& head,
                 double receivedMs) {
  const BatcherOptions& options = batcher_->options();
  Request* request = batcher_->blank();
  auto filled = std::make_unique<Query>();
  if (!fits(batcher_->model(), *signature(), head, frame.body.data(), *request, *filled) ||
      request->rows > std::max(options.maxBatch, kCutRowsMax)) {
    batcher_->recycle(request);
    leave();
    return false;
  }
  const double timeoutMs = frame.infer.timeoutMs;
  request->ticket = takeTicket();
  request->queryId = frame.id;
  request->lane = std::min<int32_t>(frame.infer.lane & ~wire::kLaneAlone, options.lanes - 1);
  request->alone = (frame.infer.lane & wire::kLaneAlone) != 0;
  request->maxBatch = request->alone ? request->rows : std::max(options.maxBatch, request->rows);
  request->shapeKey = request->dims.empty() ? 0 : shapes_->of(batcher_->model(), request->dims);
  request->arrivalMs = nowMs();
  request->deadlineMs = timeoutMs > 0 ? request->arrivalMs + timeoutMs : kNoDeadline;
  filled->connection = connection;
  filled->served = shared_from_this();
  filled->id = frame.id;
  filled->ticket = request->ticket;
  filled->body = std::move(frame.body);
  filled->receivedMs = receivedMs;
  filled->trace = frame.infer.trace;
  usedMs_ = request->arrivalMs;
  Query* query = filled.release();
  request->owner = query;
  connection->expect(frame.id, query);

  // From here on it may be answered at any moment, unless it is refused.
  const int32_t rows = request->rows;
  const size_t bytes = request->bytes;
  const Submitted submitted = batcher_->submit(request);
  if (submitted == Submitted::kAccepted) return true;
  const std::unique_ptr<Query> refused = release(request);
  batcher_->recycle(request);
  connection->claim(frame.id, query);
  switch (submitted) {
    case Submitted::kFull:
      refuse(*connection, frame.id, kResourceExhausted,
             "the queue has no room for " + std::to_string(rows) + " rows of " + std::to_string(bytes) +
                 " bytes, it holds " + std::to_string(options.queueRowsMax) + " rows and " +
                 std::to_string(options.queueBytesMax) + " bytes");
      break;
    case Submitted::kDeadline:
      refuse(*connection, frame.id, kDeadlineExceeded,
             "the request can't be answered within " + plain(timeoutMs) + " ms, it would take " +
                 oneDecimal(batcher_->soonestMs(rows)) + " ms");
      break;
    default:
      refuse(*connection, frame.id, kUnavailable, "the batcher is closed");
  }
  leave();
  connection->flush();
  return true;
}

void Served::cancel(uint32_t ticket) {
  Request* request = batcher_->cancel(ticket);
  if (request == nullptr) return;  // it runs: its delivery finds nobody waiting
  release(request);
  batcher_->recycle(request);
  leave();
}

void Served::refuse(Connection& connection, uint32_t id, uint8_t code, const std::string& message) {
  wire::RefusalHeader header;
  header.code = code;
  header.load = load(connection.host());
  header.retryAfterMs = code == kResourceExhausted ? header.load.drainMs : 0;
  connection.write([&](Connection& to) { wire::appendRefusal(id, header, message, to.bytes()); });
  std::lock_guard<std::mutex> lock(mutex_);
  figures_.refused++;
}

std::unique_ptr<Delivery> Served::deliver(std::unique_ptr<Delivery> delivery) {
  const bool dropsOnly = delivery->members.empty();
  dropOwn(*delivery);
  size_t own = 0;
  int64_t ownRows = 0;
  for (const Request* member : delivery->members) {
    if (member->owner == nullptr) continue;
    own++;
    ownRows += member->rows;
  }
  if (own == 0) return dropsOnly && delivery->dropped.empty() ? nullptr : std::move(delivery);
  const bool shared = own < delivery->members.size() || !delivery->dropped.empty();
  const double nowMs = batcher_->nowMs();
  Delivery& seen = *delivery;
  const bool whole = !batcher_->model().batchable() || seen.whole();
  Batch batch{seen, nullptr, nowMs, whole, {}, {}};
  if (!shared) batch.hold = std::make_shared<Hold>(batcher_, std::move(delivery), nowMs);
  if (seen.error.empty()) count(seen, ownRows, nowMs);
  size_t firstRow = 0;
  for (Request* member : seen.members) {
    if (member->owner != nullptr) settle(batch, member, firstRow);
    firstRow += static_cast<size_t>(member->rows);
  }
  if (!batch.traces.empty()) keepTraces(batch.traces);
  // Before they are sent, so that whoever has an answer finds its query gone.
  for (size_t i = 0; i < own; i++) leave();
  for (const auto& connection : batch.touched) connection->flush();
  return delivery;
}

// Refuses the dropped queries that came from links and takes them out of the delivery.
void Served::dropOwn(Delivery& delivery) {
  std::vector<Request*>& dropped = delivery.dropped;
  const auto firstOwn = std::stable_partition(dropped.begin(), dropped.end(),
                                              [](const Request* request) { return request->owner == nullptr; });
  for (auto own = firstOwn; own != dropped.end(); own++) refuseDropped(*own, delivery.stopped);
  dropped.erase(firstOwn, dropped.end());
}

void Served::refuseDropped(Request* request, bool stopped) {
  const bool awaited = claim(*request);
  const std::unique_ptr<Query> query = release(request);
  batcher_->recycle(request);
  Connection& connection = *query->connection;
  if (awaited) {
    if (stopped) {
      refuse(connection, query->id, kUnavailable, "the batcher was closed before the request ran");
    } else {
      refuse(connection, query->id, kDeadlineExceeded,
             "the request could no longer be in time and left the queue");
    }
  }
  leave();
  if (awaited) connection.flush();
}

void Served::settle(Batch& batch, Request* member, size_t firstRow) {
  const bool awaited = claim(*member);
  const std::unique_ptr<Query> query = release(member);
  if (!awaited) return;
  if (batch.delivery.error.empty()) {
    answer(batch, *query, *member, firstRow);
  } else {
    const Delivery& failed = batch.delivery;
    refuse(*query->connection, query->id, codeOf(failed), failed.error);
  }
  const auto& touched = batch.touched;
  if (std::find(touched.begin(), touched.end(), query->connection) == touched.end()) {
    batch.touched.push_back(query->connection);
  }
}

void Served::answer(Batch& batch, Query& query, const Request& request, size_t firstRow) {
  const Delivery& delivery = batch.delivery;
  const BatchTimes& times = delivery.times;
  struct Part {
    const uint8_t* data;
    size_t bytes;
  };
  static thread_local std::string described;
  static thread_local std::vector<Part> parts;
  described.clear();
  parts.clear();
  size_t dataBytes = 0;
  size_t prefixBytes = 0;
  const std::shared_ptr<const Signature> types = signature();
  for (const uint32_t index : query.outputs) {
    const EngineBuffer& output = delivery.outputs[index];
    const size_t rowBytes = output.bytes / static_cast<size_t>(delivery.paddedRows);
    const size_t bytes = batch.whole ? output.bytes : rowBytes * static_cast<size_t>(request.rows);
    int64_t dims[kMaxRank];
    std::copy(output.dims, output.dims + output.rank, dims);
    if (!batch.whole) dims[0] = request.rows;
    parts.push_back({static_cast<const uint8_t*>(output.data) + (batch.whole ? 0 : rowBytes * firstRow), bytes});
    wire::appendOutput({batcher_->model().outputs()[index].name, types->outputs[index], dims,
                        static_cast<size_t>(output.rank), bytes},
                       described);
    dataBytes += bytes;
    prefixBytes += wire::rawPrefixBytes(bytes);
  }
  const size_t bytes = described.size() + prefixBytes + dataBytes;
  if (bytes > wire::kAnswerBytesMax) {
    return refuse(*query.connection, query.id, kResourceExhausted,
                  "answer of " + std::to_string(bytes) + " bytes, allowed are " + std::to_string(wire::kAnswerBytesMax));
  }
  wire::AnswerHeader header;
  header.queueMs = times.takenMs - request.arrivalMs;
  header.gatherMs = times.gatheredMs - times.takenMs;
  header.runMs = times.copiedOutMs - times.gatheredMs;
  header.scatterMs = batch.nowMs - times.copiedOutMs;
  header.executorMs = batch.nowMs - query.receivedMs;
  header.batchSize = static_cast<uint32_t>(delivery.rows);
  header.load = load(query.connection->host());
  if (query.trace.sampled) batch.traces.push_back({query.trace, batch.nowMs, request.rows, 0, header});
  const bool lend = batch.hold != nullptr && dataBytes > kCopyBytesMax;
  query.connection->write([&](Connection& to) {
    wire::appendAnswerHead(query.id, header, bytes, to.bytes());
    to.bytes().append(described);
    for (const Part& part : parts) {
      wire::appendRawPrefix(part.bytes, to.bytes());
      if (lend && part.bytes > 0) to.lend(part.data, part.bytes, batch.hold);
      else to.bytes().append(reinterpret_cast<const char*>(part.data), part.bytes);
    }
  });
}

// Before `release`: a ticket that is free again while its query is still awaited would let a cancellation of
// this query take the next one that gets the ticket out of the queue.
bool Served::claim(const Request& request) {
  const auto* query = static_cast<const Query*>(request.owner);
  return query->connection->claim(query->id, query);
}

// Takes a request's query off it, with the ticket; the request itself stays the caller's.
std::unique_ptr<Query> Served::release(Request* request) {
  std::unique_ptr<Query> query(static_cast<Query*>(request->owner));
  request->owner = nullptr;
  std::lock_guard<std::mutex> lock(mutex_);
  freeTickets_.push_back(query->ticket);
  return query;
}

uint32_t Served::takeTicket() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!freeTickets_.empty()) {
    const uint32_t ticket = freeTickets_.back();
    freeTickets_.pop_back();
    return ticket;
  }
  const uint32_t ticket = nextTicket_;
  nextTicket_ += kTicketStep;
  return ticket;
}

wire::Load Served::load(const HostLoad& host) {
  const double nowMs = batcher_->nowMs();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (nowMs - loadAtMs_ < kRepeatWithinMs) return load_;
  }
  wire::Load load;
  load.drainMs = batcher_->drainTimeMs();
  load.executorUtilisation = host.executorUtilisation;
  load.memoryFreeBytes = host.memoryFreeBytes;
  load.instanceQueuedRows = static_cast<uint32_t>(std::min<int64_t>(batcher_->queuedRows(), UINT32_MAX));
  std::lock_guard<std::mutex> lock(mutex_);
  loadAtMs_ = nowMs;
  load_ = load;
  return load;
}

// A batch that JavaScript has a part in is told by JavaScript.
void Served::count(const Delivery& delivery, int64_t ownRows, double nowMs) {
  const bool shared = ownRows < delivery.rows;
  std::lock_guard<std::mutex> lock(mutex_);
  figures_.servedRows += static_cast<uint64_t>(ownRows);
  if (shared) return;
  const BatchSample sample{nowMs, delivery.times.copiedOutMs - delivery.times.gatheredMs, delivery.rows};
  if (figures_.batches.size() < kSamplesMax) {
    figures_.batches.push_back(sample);
    return;
  }
  figures_.batches[oldestSample_] = sample;
  oldestSample_ = (oldestSample_ + 1) % kSamplesMax;
}

// Together, so that the sampled queries of a batch are taken together.
void Served::keepTraces(std::vector<TraceSample>& traces) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint32_t batch = ++tracedBatches_;
  for (TraceSample& trace : traces) {
    if (figures_.traces.size() == kTracesMax) {
      figures_.tracesLost++;
      continue;
    }
    trace.batch = batch;
    figures_.traces.push_back(trace);
  }
}

Figures Served::takeFigures() {
  Figures taken;
  std::lock_guard<std::mutex> lock(mutex_);
  std::rotate(figures_.batches.begin(), figures_.batches.begin() + static_cast<std::ptrdiff_t>(oldestSample_),
              figures_.batches.end());
  std::swap(taken, figures_);
  oldestSample_ = 0;
  return taken;
}

}  // namespace cb::link
