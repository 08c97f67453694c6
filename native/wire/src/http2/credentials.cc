#include "http2/credentials.h"

#include <algorithm>

namespace wire {

namespace {

// Takes the same time wherever they differ: a gateway brings the calls of many on one connection, and none of them may
// learn from the time of a refusal how another one's token begins.
bool equalInSteadyTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); i++) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

bool Credentials::same(const Entry& entry, const Presented& presented) {
  return entry.came == presented.came && equalInSteadyTime(entry.value, presented.value);
}

int32_t Credentials::take(Known& known, const Presented& presented) {
  for (size_t i = 0; i < known.size(); i++) {
    Entry& entry = entries_[static_cast<size_t>(known[i])];
    if (!same(entry, presented)) continue;
    std::rotate(known.begin(), known.begin() + static_cast<ptrdiff_t>(i), known.begin() + static_cast<ptrdiff_t>(i) + 1);
    entry.holders++;
    return known.front();
  }
  const int32_t number = make();
  Entry& entry = entries_[static_cast<size_t>(number)];
  entry.holders = 1;
  if (presented.value.size() > kCredentialMaxBytes) return number;
  entry.came = presented.came;
  entry.value = presented.value;
  entry.holders++;
  if (known.size() == kCredentialsMax) {
    release(known.back());
    known.pop_back();
  }
  known.insert(known.begin(), number);
  return number;
}

int32_t Credentials::make() {
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<int32_t>(entries_.size() - 1);
  }
  const int32_t number = free_.back();
  free_.pop_back();
  return number;
}

void Credentials::release(int32_t number) {
  if (number == kNone) return;
  Entry& entry = entries_[static_cast<size_t>(number)];
  if (--entry.holders > 0) return;
  entry = {};
  free_.push_back(number);
  Event& event = events_.emplace_back();
  event.kind = EventKind::kForgotten;
  event.subject = number;
}

void Credentials::disown(Known& known, int32_t number) {
  const Entry& entry = entries_[static_cast<size_t>(number)];
  if (entry.epoch == epoch_ && entry.admitted.any()) return;
  const auto found = std::find(known.begin(), known.end(), number);
  if (found == known.end()) return;
  known.erase(found);
  release(number);
}

void Credentials::clear(Known& known) {
  for (const int32_t number : known) release(number);
  known.clear();
}

bool Credentials::admits(int32_t number, int32_t method) const {
  const Entry& entry = entries_[static_cast<size_t>(number)];
  const auto bit = static_cast<size_t>(method);
  return entry.epoch == epoch_ && bit < kMethodsMax && entry.admitted.test(bit);
}

void Credentials::admit(int32_t number, int32_t method) {
  Entry& entry = entries_[static_cast<size_t>(number)];
  const auto bit = static_cast<size_t>(method);
  if (bit >= kMethodsMax) return;
  if (entry.epoch != epoch_) entry.admitted.reset();
  entry.epoch = epoch_;
  entry.admitted.set(bit);
}

}  // namespace wire
