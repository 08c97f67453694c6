// The part of libuv that is used, declared here because Node exports it without installing its header everywhere.
// Numbers and signatures are those of libuv 1, whose ABI is stable.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
struct uv_loop_s;
struct uv_handle_s;
using uv_close_cb = void (*)(uv_handle_s*);
using uv_poll_cb = void (*)(uv_handle_s*, int status, int events);
using uv_handle_cb = void (*)(uv_handle_s*);

size_t uv_handle_size(int type);
void uv_handle_set_data(uv_handle_s*, void*);
void* uv_handle_get_data(const uv_handle_s*);
void uv_close(uv_handle_s*, uv_close_cb);
void uv_ref(uv_handle_s*);
void uv_unref(uv_handle_s*);
int uv_poll_init(uv_loop_s*, uv_handle_s*, int descriptor);
int uv_poll_start(uv_handle_s*, int events, uv_poll_cb);
int uv_prepare_init(uv_loop_s*, uv_handle_s*);
int uv_prepare_start(uv_handle_s*, uv_handle_cb);
int uv_prepare_stop(uv_handle_s*);
int uv_timer_init(uv_loop_s*, uv_handle_s*);
int uv_timer_start(uv_handle_s*, uv_handle_cb, uint64_t timeoutMs, uint64_t repeatMs);
int uv_timer_stop(uv_handle_s*);
}

namespace wire {

constexpr int kUvPoll = 8;
constexpr int kUvPrepare = 9;
constexpr int kUvTimer = 13;
constexpr int kUvReadable = 1;

}  // namespace wire
