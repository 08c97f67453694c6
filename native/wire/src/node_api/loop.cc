#include "node_api/loop.h"

#include <cstdlib>
#include <new>

namespace wire {

namespace {

Loop::Hooks* hooksOf(uv_handle_s* handle) { return static_cast<Loop::Hooks*>(uv_handle_get_data(handle)); }

void discard(uv_handle_s* handle) {
  if (handle == nullptr) return;
  uv_handle_set_data(handle, nullptr);
  uv_close(handle, [](uv_handle_s* closed) { std::free(closed); });
}

}  // namespace

Loop::Loop(uv_loop_s* loop, int descriptor, Hooks hooks) : hooks_(std::move(hooks)) {
  poll_ = make(kUvPoll);
  prepare_ = make(kUvPrepare);
  timer_ = make(kUvTimer);
  uv_poll_init(loop, poll_, descriptor);
  uv_prepare_init(loop, prepare_);
  uv_timer_init(loop, timer_);
  for (uv_handle_s* handle : {poll_, prepare_, timer_}) uv_handle_set_data(handle, &hooks_);
  uv_unref(poll_);
  uv_unref(timer_);
  uv_poll_start(poll_, kUvReadable, [](uv_handle_s* handle, int, int) {
    if (Hooks* told = hooksOf(handle)) told->readable();
  });
}

Loop::~Loop() {
  for (uv_handle_s* handle : {poll_, prepare_, timer_}) discard(handle);
}

uv_handle_s* Loop::make(int type) {
  auto* handle = static_cast<uv_handle_s*>(std::calloc(1, uv_handle_size(type)));
  if (handle == nullptr) throw std::bad_alloc();
  return handle;
}

void Loop::askBeforeWait() {
  if (asked_) return;
  asked_ = true;
  uv_handle_set_data(prepare_, this);
  uv_prepare_start(prepare_, [](uv_handle_s* handle) {
    auto* self = static_cast<Loop*>(uv_handle_get_data(handle));
    if (self == nullptr) return;
    uv_prepare_stop(handle);
    self->asked_ = false;
    self->hooks_.beforeWait();
  });
}

void Loop::tickEvery(uint64_t periodMs) {
  if (periodMs == periodMs_) return;
  periodMs_ = periodMs;
  uv_timer_start(timer_, [](uv_handle_s* handle) {
    if (Hooks* told = hooksOf(handle)) told->tick();
  }, periodMs, periodMs);
}

void Loop::keepAlive(bool keep) { keep ? uv_ref(poll_) : uv_unref(poll_); }

}  // namespace wire
