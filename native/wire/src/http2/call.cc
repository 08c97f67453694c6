#include "http2/call.h"

namespace wire {

namespace {

// A handle is index and generation in 31 bits, so that JavaScript holds it as a small integer.
constexpr size_t kCallsMax = size_t{1} << kHandlePlaceBits;
constexpr uint32_t kGenerations = 1u << (31 - kHandlePlaceBits);

}  // namespace

Call* Calls::open() {
  if (free_.empty()) {
    if (calls_.size() == kCallsMax) return nullptr;
    calls_.push_back(std::make_unique<Call>());
    calls_.back()->index = calls_.size() - 1;
    free_.push_back(calls_.back().get());
  }
  Call* call = free_.back();
  free_.pop_back();
  return call;
}

void Calls::close(Call* call) {
  if (call->asked) retire(*call);
  static_cast<CallState&>(*call) = CallState{};
  call->path.clear();
  call->presented.clear();
  call->metadata.clear();
  call->trailers.clear();
  call->incoming = {};
  call->inbox.clear();
  call->outgoing.clear();
  free_.push_back(call);
}

Call* Calls::at(int32_t handle) const {
  if (handle < 0) return nullptr;
  const auto index = static_cast<size_t>(handle) & (kCallsMax - 1);
  if (index >= calls_.size()) return nullptr;
  Call* call = calls_[index].get();
  return handleOf(*call) == handle ? call : nullptr;
}

Call* Calls::find(int32_t handle) const {
  Call* call = at(handle);
  return call != nullptr && call->announced ? call : nullptr;
}

Call* Calls::findAsked(int32_t handle) const {
  Call* call = at(handle);
  return call != nullptr && call->asked ? call : nullptr;
}

int32_t Calls::handleOf(const Call& call) {
  return static_cast<int32_t>((call.generation << kHandlePlaceBits) | call.index);
}

void Calls::forget(Call& call) {
  call.announced = false;
  retire(call);
  call.inbox.clear();
  call.incoming = {};
}

// What it was called by names nothing from now on.
void Calls::retire(Call& call) {
  call.asked = false;
  call.generation = (call.generation + 1) % kGenerations;
}

}  // namespace wire
