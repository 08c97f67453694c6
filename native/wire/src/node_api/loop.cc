#include "node_api/loop.h"

namespace wire {

namespace {

// Null once the loop it belonged to is gone.
template <typename Handle>
Loop::Hooks* hooksOf(const Handle* handle) {
  return static_cast<Loop::Hooks*>(handle->data);
}

// libuv lets go of a handle later, on its own turn.
template <typename Handle>
void discard(Handle* handle) {
  handle->data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
}

}  // namespace

Loop::Loop(uv_loop_t* loop, int descriptor, Hooks hooks) : hooks_(std::move(hooks)) {
  uv_poll_init(loop, poll_, descriptor);
  uv_prepare_init(loop, prepare_);
  uv_timer_init(loop, timer_);
  poll_->data = timer_->data = &hooks_;
  prepare_->data = this;
  keepAlive(false);
  uv_unref(reinterpret_cast<uv_handle_t*>(timer_));
  uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (Hooks* told = hooksOf(handle)) told->readable();
  });
}

Loop::~Loop() {
  discard(poll_);
  discard(prepare_);
  discard(timer_);
}

void Loop::askBeforeWait() {
  if (asked_) return;
  asked_ = true;
  uv_prepare_start(prepare_, [](uv_prepare_t* handle) {
    auto* self = static_cast<Loop*>(handle->data);
    if (self == nullptr) return;
    uv_prepare_stop(handle);
    self->asked_ = false;
    self->hooks_.beforeWait();
  });
}

void Loop::tickEvery(uint64_t periodMs) {
  if (periodMs == periodMs_) return;
  periodMs_ = periodMs;
  uv_timer_start(timer_, [](uv_timer_t* handle) {
    if (Hooks* told = hooksOf(handle)) told->tick();
  }, periodMs, periodMs);
}

void Loop::keepAlive(bool keep) {
  auto* handle = reinterpret_cast<uv_handle_t*>(poll_);
  keep ? uv_ref(handle) : uv_unref(handle);
}

}  // namespace wire
