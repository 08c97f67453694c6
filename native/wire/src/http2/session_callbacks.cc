#include "http2/session_callbacks.h"

#include <algorithm>
#include <new>

#include "http2/connection.h"

namespace wire {

namespace {

// Resets of streams in a burst and per second before the connection is ended (CVE-2023-44487). Clients that
// hedge or give up early reset many, so it is far above nghttp2's own default.
constexpr uint64_t kResetBurst = 2'000;
constexpr uint64_t kResetsPerSecond = 500;

}  // namespace

ng::Session* SessionCallbacks::open(const ng::Api& api, Connection& connection) {
  ng::Callbacks* callbacks = nullptr;
  ng::Option* option = nullptr;
  if (api.callbacks_new(&callbacks) != 0 || api.option_new(&option) != 0) throw std::bad_alloc();
  api.set_on_begin_headers(callbacks, beginHeaders);
  api.set_on_header(callbacks, header);
  api.set_on_begin_frame(callbacks, beginFrame);
  api.set_on_frame_recv(callbacks, received);
  api.set_on_frame_send(callbacks, sent);
  api.set_on_data_chunk_recv(callbacks, chunk);
  api.set_on_stream_close(callbacks, closed);
  api.set_send_data(callbacks, sendData);
  api.set_data_source_read_length(callbacks, readLength);
  api.option_set_no_auto_window_update(option, 1);
  api.option_set_stream_reset_rate_limit(option, kResetBurst, kResetsPerSecond);
  ng::Session* session = nullptr;
  const int made = api.session_server_new2(&session, callbacks, &connection, option);
  api.callbacks_del(callbacks);
  api.option_del(option);
  if (made != 0) throw std::bad_alloc();
  return session;
}

Connection& SessionCallbacks::self(void* user) { return *static_cast<Connection*>(user); }

int SessionCallbacks::beginHeaders(ng::Session*, const ng::Frame* frame, void* user) {
  return self(user).beginHeaders(frame);
}

int SessionCallbacks::header(ng::Session*, const ng::Frame* frame, const uint8_t* name, size_t nameLength,
                             const uint8_t* value, size_t valueLength, uint8_t, void* user) {
  return self(user).header(frame->hd.streamId, {reinterpret_cast<const char*>(name), nameLength},
                           {reinterpret_cast<const char*>(value), valueLength});
}

int SessionCallbacks::beginFrame(ng::Session*, const ng::FrameHeader* hd, void* user) {
  Connection& c = self(user);
  c.direct_ = nullptr;
  c.frameGot_ = 0;
  c.frameType_ = hd->type;
  c.frameBytes_ = hd->type == ng::kData && (hd->flags & ng::kFlagPadded) == 0 ? hd->length : 0;
  return 0;
}

int SessionCallbacks::received(ng::Session*, const ng::Frame* frame, void* user) { return self(user).received(frame); }

int SessionCallbacks::sent(ng::Session*, const ng::Frame* frame, void* user) { return self(user).sent(frame); }

int SessionCallbacks::chunk(ng::Session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
  return self(user).chunk(stream, data, size);
}

int SessionCallbacks::closed(ng::Session*, int32_t stream, uint32_t, void* user) { return self(user).closed(stream); }

int SessionCallbacks::sendData(ng::Session*, ng::Frame* frame, const uint8_t* header, size_t length, ng::DataSource*,
                               void* user) {
  return self(user).sendData(frame->hd.streamId, header, length);
}

ssize_t SessionCallbacks::readLength(ng::Session*, uint8_t, int32_t, int32_t sessionWindow, int32_t streamWindow,
                                     uint32_t maxFrame, void*) {
  return std::min<int64_t>({sessionWindow, streamWindow, maxFrame});
}

ssize_t SessionCallbacks::supply(ng::Session*, int32_t stream, uint8_t*, size_t length, uint32_t* flags,
                                 ng::DataSource*, void* user) {
  return self(user).supply(stream, length, flags);
}

}  // namespace wire
