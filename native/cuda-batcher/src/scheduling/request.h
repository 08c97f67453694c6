// A request on its way through the queue and a batch. It points at the caller's memory: nothing is copied before the
// batch is gathered, so ordering, cancelling and refusing never move a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace cb {

constexpr double kNoDeadline = std::numeric_limits<double>::infinity();

struct RequestInput {
  const uint8_t* data = nullptr;
  size_t bytes = 0;
};

// Levels of the list that waiting requests are ordered in, each with a quarter of those below: enough for 65,536.
constexpr size_t kQueueLevels = 8;

// Of a request that nobody knows by a number: no submitter's ticket.
constexpr uint32_t kNoTicket = std::numeric_limits<uint32_t>::max();

class Cut;

enum class RequestState { kIdle, kQueued, kRunning };

struct Request {
  uint32_t ticket = 0;   // the submitter's own number for it
  uint32_t queryId = 0;  // its number on the link that it came from; 0: none
  void* owner = nullptr;  // what a submitter that is not JavaScript keeps with it; null again once it is answered
  int32_t rows = 1;
  int32_t lane = 0;      // 0 is served first
  int32_t maxBatch = 0;  // rows of the largest batch it may join
  bool alone = false;    // it joins none, and runs the same way each time: in memory that is aligned alike, in equal pieces
  double arrivalMs = 0;
  double deadlineMs = kNoDeadline;
  uint64_t sequence = 0;
  size_t bytes = 0;
  std::vector<RequestInput> inputs;
  // All inputs' dims one after another (rank of the model's inputs); empty when the model's own dims are fixed.
  std::vector<int64_t> dims;
  // How many axes each of `inputs` has, where the model does not say it of all of them. Such a request runs by itself, as it
  // is: `rows` are what it counts as in the queue, never more than a batch has.
  std::vector<int32_t> ranks;
  std::vector<uint32_t> optionals;  // which of the model's optional inputs stand behind its inputs in `inputs`; only with `ranks`
  double batches = 1;     // how many batches of `rows` it takes as long as; not 1 only where it runs by itself
  uint64_t shapeKey = 0;  // equal keys may share a batch; dims are compared as well
  Cut* cut = nullptr;     // the request that this one is a piece of; null: it is none
  int32_t cutRow = 0;     // its first row there
  bool yields = false;    // it lets others pass: a piece of a request that has time
  RequestState state = RequestState::kIdle;
  Request* older = nullptr;  // neighbours in order of arrival within the lane
  Request* newer = nullptr;
  // The next in order of deadline on each level of its lane's skip list that it is part of.
  std::array<Request*, kQueueLevels> next{};
  int32_t levels = 0;

  bool ownForm() const { return !ranks.empty(); }
};

}  // namespace cb
