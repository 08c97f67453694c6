#include "scheduling/batch_policy.h"

#include <algorithm>
#include <limits>

namespace cb {

namespace {

// A batch of this share of the best items/s is good enough: it is not held for company.
constexpr double kEfficientShare = 0.95;
// Under overload a head that forces a batch below this share is dropped. Nearer to one, because what is lost here is lost
// with every batch, and a dropped head costs nothing: somebody has to go.
constexpr double kOverloadShare = 0.98;
// A size whose items/s fall below this share of the best is too large to be worth forming. Lower than the share above,
// because one noisy measurement must not make large batches disappear.
constexpr double kTooLargeShare = 0.7;

// Under overload the oldest go first, down to this share of a request's time left, or this many runs of the largest batch:
// whoever is served then keeps room for a slow run, where serving those nearest their deadline would make every hiccup of
// the machine a late batch.
constexpr double kTimeLeftShare = 0.5;
constexpr double kRunsLeft = 3;
// The backlog counts as too long when it needs this much more than the time its last request has.
constexpr double kBacklogMargin = 1.25;

constexpr double kForever = std::numeric_limits<double>::infinity();

int32_t padded(const PlanRules& rules, int32_t rows) {
  for (size_t i = 0; i < rules.sizeCount; i++) {
    if (rules.sizes[i] >= rows) return std::min(rules.sizes[i], rules.maxBatch);
  }
  return rows;
}

double meanMs(const PlanRules& rules, int32_t rows) { return rules.latencyMs[padded(rules, rows)] * rules.slowdown; }

// Until the answers of a batch that starts now are in their callers' hands, for all but a few batches in a hundred.
double safeMs(const PlanRules& rules, int32_t rows) { return meanMs(rules, rows) * rules.safety + rules.deliveryMs; }

double itemsPerMs(const PlanRules& rules, int32_t rows) { return rows / std::max(meanMs(rules, rows), 1e-9); }

double bestItemsPerMs(const PlanRules& rules, int32_t rowsMax) {
  double best = 0;
  for (int32_t rows = 1; rows <= rowsMax; rows++) best = std::max(best, itemsPerMs(rules, rows));
  return best;
}

// Largest size worth forming: beyond it a batch costs items per second (large convolutions on a CPU).
int32_t largestBatch(const PlanRules& rules) {
  const int32_t rowsMax = rules.closeAtCount > 0 ? std::min(rules.closeAt[rules.closeAtCount - 1], rules.maxBatch) : rules.maxBatch;
  if (rules.latencyMs[rules.maxBatch] <= 0) return rowsMax;
  const double best = bestItemsPerMs(rules, rowsMax);
  int32_t rows = rowsMax;
  while (rows > 1 && itemsPerMs(rules, rows) < kTooLargeShare * best) rows--;
  return rows;
}

// Most rows, up to `rowsMax`, that finish within `budgetMs`; 0 when not even one does.
int32_t rowsWithin(const PlanRules& rules, double budgetMs, int32_t rowsMax) {
  int32_t low = 0;
  int32_t high = rowsMax;
  while (low < high) {
    const int32_t middle = (low + high + 1) / 2;
    if (safeMs(rules, middle) <= budgetMs) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

struct Scan {
  double nowMs;
  const Candidate* candidates;
  size_t count;
  const PlanRules& rules;
  int32_t largest;
  std::vector<bool> gone;  // dropped
};

bool hopeless(const Scan& scan, const Candidate& candidate) {
  return scan.nowMs + safeMs(scan.rules, candidate.rows) > candidate.deadlineMs;
}

// Whether a candidate still waits and could share the head's batch and lane.
bool behind(const Scan& scan, size_t head, size_t i) {
  const Candidate& first = scan.candidates[head];
  const Candidate& other = scan.candidates[i];
  return !scan.gone[i] && other.lane == first.lane && other.shapeKey == first.shapeKey;
}

// Fills the batch headed by `head` in serving order, so that every member is in time.
// Answers whether it was a deadline that kept the next one out.
bool fill(const Scan& scan, size_t head, Plan& plan) {
  const Candidate& first = scan.candidates[head];
  double deadlineMs = first.deadlineMs;
  int32_t rowsMax = std::max(std::min(scan.largest, first.maxBatch), first.rows);
  plan.take.assign(1, static_cast<int32_t>(head));
  plan.rows = first.rows;
  for (size_t i = head + 1; i < scan.count && plan.rows < rowsMax; i++) {
    const Candidate& next = scan.candidates[i];
    const int32_t rows = plan.rows + next.rows;
    if (scan.gone[i] || next.shapeKey != first.shapeKey || rows > std::min(rowsMax, next.maxBatch)) continue;
    const double doneMs = scan.nowMs + safeMs(scan.rules, rows);
    if (doneMs > deadlineMs) return true;    // it would make a member late
    if (doneMs > next.deadlineMs) continue;  // it would itself be late: it heads a batch of its own, or is dropped
    deadlineMs = std::min(deadlineMs, next.deadlineMs);
    rowsMax = std::min(rowsMax, std::max(next.maxBatch, rows));
    plan.rows = rows;
    plan.take.push_back(static_cast<int32_t>(i));
  }
  return false;
}

int32_t rowsBehind(const Scan& scan, size_t head) {
  int32_t rows = 0;
  for (size_t i = head; i < scan.count; i++) {
    if (behind(scan, head, i)) rows += scan.candidates[i].rows;
  }
  return rows;
}

// Whether everyone of the head's lane can still be in time if `plan` runs now and the rest follows in order, each
// batch as large as its head allows.
bool restInTime(const Scan& scan, const Plan& plan) {
  const PlanRules& rules = scan.rules;
  const size_t head = static_cast<size_t>(plan.take.front());
  double atMs = scan.nowMs + meanMs(rules, plan.rows) / rules.engines;
  int32_t room = 0;
  for (size_t i = static_cast<size_t>(plan.take.back()) + 1; i < scan.count; i++) {
    if (!behind(scan, head, i)) continue;
    const Candidate& next = scan.candidates[i];
    if (room < next.rows) {
      room = std::max(rowsWithin(rules, next.deadlineMs - atMs, scan.largest), next.rows);
      if (atMs + safeMs(rules, next.rows) > next.deadlineMs) return false;
      atMs += meanMs(rules, room) / rules.engines;
    }
    room -= next.rows;
  }
  return true;
}

// Whether batches like this one serve as many rows as come. Where they do not, those left over are in time once, but the
// next batch has an older head and is smaller still.
bool keepsUp(const PlanRules& rules, int32_t rows) {
  return itemsPerMs(rules, rows) * rules.engines * rules.runShare >= rules.offeredPerMs;
}

// Under overload somebody is late whatever is done; a head that forces a small batch then costs more rows than it
// saves, so it is the one to go (the early drop of Nexus, SOSP '19, section 6.3).
bool worthDropping(const Scan& scan, const Plan& plan) {
  const size_t head = static_cast<size_t>(plan.take.front());
  const int32_t available = std::min(rowsBehind(scan, head), scan.largest);
  const int32_t efficient = efficientBatch(scan.rules, available, kOverloadShare);
  return plan.rows < efficient && (!keepsUp(scan.rules, plan.rows) || !restInTime(scan, plan));
}

// Whether the head's lane holds more rows than can be computed before the last of them is due.
bool backlogged(const Scan& scan, size_t head, int32_t rows) {
  const PlanRules& rules = scan.rules;
  double lastMs = rules.hiddenRows > 0 ? rules.hiddenDeadlineMs : 0;
  for (size_t i = scan.count; i-- > head && rules.hiddenRows == 0;) {
    if (!behind(scan, head, i)) continue;
    lastMs = scan.candidates[i].deadlineMs;
    break;
  }
  const double drainMs = rows / (bestItemsPerMs(rules, scan.largest) * rules.engines);
  return scan.nowMs + drainMs * kBacklogMargin > lastMs;
}

// Drops heads that have used up their share of time, while the backlog is too long and enough stay to fill a batch.
template <typename Drop>
void shedBacklog(const Scan& scan, size_t head, const Drop& drop) {
  if (meanMs(scan.rules, 1) <= 0) return;
  const double roomMs = kRunsLeft * meanMs(scan.rules, scan.largest) + scan.rules.deliveryMs;
  const int32_t lane = scan.candidates[head].lane;
  int32_t rows = rowsBehind(scan, head) + scan.rules.hiddenRows;
  for (size_t i = head; i < scan.count; i++) {
    const Candidate& oldest = scan.candidates[i];
    if (scan.gone[i]) continue;
    const double leftMs = oldest.deadlineMs - scan.nowMs;
    const double shareMs = kTimeLeftShare * (oldest.deadlineMs - oldest.arrivalMs);
    if (oldest.lane != lane || leftMs > std::max(shareMs, roomMs)) return;
    if (rows - oldest.rows < scan.largest || !backlogged(scan, i, rows)) return;
    rows -= oldest.rows;
    drop(i);
  }
}

// Cuts a batch back to the largest of the sizes asked for that its first members make. Answers whether there is one.
bool closeAtSize(const Scan& scan, Plan& plan) {
  const PlanRules& rules = scan.rules;
  size_t kept = 0;
  int32_t keptRows = 0;
  int32_t rows = 0;
  for (size_t i = 0; i < plan.take.size() && rules.closeAtCount > 0; i++) {
    rows += scan.candidates[static_cast<size_t>(plan.take[i])].rows;
    if (!std::binary_search(rules.closeAt, rules.closeAt + rules.closeAtCount, rows)) continue;
    kept = i + 1;
    keptRows = rows;
  }
  if (kept == 0) return false;
  plan.take.resize(kept);
  plan.rows = keptRows;
  return true;
}

// How long holding the batch may pay: until its oldest member has waited its time out, or its nearest deadline leaves
// no room for one more row. Nothing is gained when it is full, efficient already, or nobody is expected in time.
double startAtMs(const Scan& scan, const Plan& plan, bool deadlineBound) {
  const PlanRules& rules = scan.rules;
  if (rules.maxQueueDelayMs <= 0 || deadlineBound || plan.rows >= scan.largest) return scan.nowMs;
  const bool judged = rules.closeAtCount == 0 && meanMs(rules, 1) > 0;
  if (judged && plan.rows >= efficientBatch(rules, scan.largest, kEfficientShare)) return scan.nowMs;
  double untilMs = kForever;
  for (const int32_t index : plan.take) {
    const Candidate& member = scan.candidates[static_cast<size_t>(index)];
    if (member.maxBatch <= plan.rows) return scan.nowMs;
    untilMs = std::min(untilMs, member.arrivalMs + rules.maxQueueDelayMs);
    untilMs = std::min(untilMs, member.deadlineMs - safeMs(rules, plan.rows + 1));
  }
  return scan.nowMs + rules.arrivalGapMs > untilMs ? scan.nowMs : untilMs;
}

}  // namespace

int32_t efficientBatch(const PlanRules& rules, int32_t rowsMax, double share) {
  if (rowsMax < 1 || meanMs(rules, rowsMax) <= 0) return 1;
  const double enough = share * bestItemsPerMs(rules, rowsMax);
  int32_t rows = 1;
  while (rows < rowsMax && itemsPerMs(rules, rows) < enough) rows++;
  return rows;
}

void planBatch(double nowMs, const Candidate* candidates, size_t count, const PlanRules& rules, Plan& plan) {
  plan.take.clear();
  plan.drop.clear();
  plan.rows = 0;
  plan.paddedRows = 0;
  plan.startAtMs = kForever;
  Scan scan{nowMs, candidates, count, rules, largestBatch(rules), std::vector<bool>(count, false)};
  const auto drop = [&](size_t index) {
    scan.gone[index] = true;
    plan.drop.push_back(static_cast<int32_t>(index));
  };
  for (size_t i = 0; i < count; i++) {
    if (hopeless(scan, candidates[i])) drop(i);
  }
  for (size_t head = 0; head < count; head++) {
    if (scan.gone[head]) continue;
    if (candidates[head].deadlineMs < kForever) shedBacklog(scan, head, drop);
    if (scan.gone[head]) continue;
    const bool deadlineBound = fill(scan, head, plan);
    if (deadlineBound && worthDropping(scan, plan)) {
      drop(head);
      continue;
    }
    const bool closed = closeAtSize(scan, plan);
    plan.paddedRows = padded(rules, plan.rows);
    plan.startAtMs = closed ? nowMs : startAtMs(scan, plan, deadlineBound);
    return;
  }
  plan.take.clear();
  plan.rows = 0;
}

}  // namespace cb
