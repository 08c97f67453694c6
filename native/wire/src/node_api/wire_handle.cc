#include "node_api/wire_handle.h"

#include <algorithm>
#include <cstring>

namespace wire {

namespace {

// How exactly deadlines are kept, and how often silent connections are looked for.
constexpr uint64_t kDeadlinePeriodMs = 10;
constexpr uint64_t kIdlePeriodMs = 1'000;

uv_loop_t* loopOf(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "no event loop");
  return loop;
}

}  // namespace

WireHandle::WireHandle(Napi::Env env, const ng::Api& api, ServerLimits limits, Napi::Float64Array shared,
                       Napi::Uint8Array scratch, Napi::Function onEvents)
    : env_(env),
      server_(api, poller_, events_, limits),
      links_(poller_, events_),
      shared_(Napi::Persistent(shared)),
      scratch_(Napi::Persistent(scratch)),
      onEvents_(Napi::Persistent(onEvents)),
      context_(env, "wire"),
      sharedNumbers_(shared.Data()),
      sharedEvents_(shared.ElementLength() / event_layout::kStride),
      scratchData_(scratch.Data()),
      scratchBytes_(scratch.ByteLength()) {
  Loop::Hooks hooks;
  hooks.readable = [this] {
    poller_.dispatch();
    deliver();
  };
  hooks.beforeWait = [this] { deliver(); };
  hooks.tick = [this] { tick(); };
  loop_ = std::make_unique<Loop>(loopOf(env), poller_.descriptor(), std::move(hooks));
  loop_->tickEvery(kIdlePeriodMs);
}

WireHandle::~WireHandle() { close(); }

void WireHandle::close() {
  if (loop_ == nullptr) return;
  server_.closeAll();
  links_.closeAll();
  loop_.reset();
}

void WireHandle::flush() {
  server_.flush();
  links_.flush();
}

void WireHandle::tick() {
  server_.sweep();
  deliver();
}

const Event* WireHandle::handled(size_t place) const {
  const size_t at = batchFirst_ + place;
  return delivering_ && at < batch_.size() ? &batch_[at] : nullptr;
}

// Events and what they make be written alternate until neither is left.
void WireHandle::deliver() {
  if (delivering_ || loop_ == nullptr) return;
  delivering_ = true;
  Napi::HandleScope scope(env_);
  flush();
  while (!events_.empty() && loop_ != nullptr) {
    batch_.swap(events_);
    for (size_t first = 0; first < batch_.size() && loop_ != nullptr; first += sharedEvents_)
      call(first, std::min(sharedEvents_, batch_.size() - first));
    batch_.clear();
    server_.heads().turn();
    flush();
  }
  delivering_ = false;
  if (loop_ != nullptr) loop_->tickEvery(server_.watchesDeadlines() ? kDeadlinePeriodMs : kIdlePeriodMs);
}

void WireHandle::call(size_t first, size_t count) {
  batchFirst_ = first;
  double* to = sharedNumbers_;
  for (size_t i = first; i < first + count; i++, to += event_layout::kStride) {
    const Event& event = batch_[i];
    std::memcpy(to, event.numbers, sizeof event.numbers);
    to[event_layout::kKind] = static_cast<double>(event.kind);
    to[event_layout::kSubject] = event.subject;
  }
  Napi::HandleScope scope(env_);
  const napi_value argument = Napi::Number::New(env_, static_cast<double>(count));
  napi_value result = nullptr;
  const napi_status status = napi_make_callback(env_, context_, Napi::Object::New(env_), onEvents_.Value(), 1,
                                                &argument, &result);
  if (status != napi_pending_exception) return;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env_, &exception);
  napi_fatal_exception(env_, exception);
}

}  // namespace wire
