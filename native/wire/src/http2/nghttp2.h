// The part of nghttp2 that is used, declared here because the library is reached without its header: Node
// carries it and exports its functions. Layouts and numbers are those of the stable ABI (libnghttp2.so.14,
// nghttp2.h of 1.41 and later).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace wire::ng {

struct Session;
struct Callbacks;
struct Option;

struct FrameHeader {
  size_t length;
  int32_t streamId;
  uint8_t type;
  uint8_t flags;
  uint8_t reserved;
};

// A union of all frames in the original; every one of them begins so.
struct Frame {
  FrameHeader hd;
};

struct NameValue {
  const uint8_t* name;
  const uint8_t* value;
  size_t nameLength;
  size_t valueLength;
  uint8_t flags;
};

struct Setting {
  int32_t id;
  uint32_t value;
};

union DataSource {
  int fd;
  void* ptr;
};

using ReadCallback = ssize_t (*)(Session*, int32_t streamId, uint8_t* to, size_t length, uint32_t* flags,
                                 DataSource*, void* user);

struct DataProvider {
  DataSource source;
  ReadCallback read;
};

constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kPing = 6;

constexpr uint8_t kFlagEndStream = 1;
constexpr uint8_t kFlagAck = 1;
constexpr uint8_t kFlagPadded = 8;

constexpr uint8_t kNoCopyName = 2;
constexpr uint8_t kNoCopyValue = 4;

constexpr uint32_t kDataEof = 1;
constexpr uint32_t kDataNoEndStream = 2;
constexpr uint32_t kDataNoCopy = 4;

constexpr int kDeferred = -508;
constexpr int kTemporalCallbackFailure = -521;
constexpr int kCallbackFailure = -902;

constexpr int32_t kMaxConcurrentStreams = 3;
constexpr int32_t kInitialWindowSize = 4;
constexpr int32_t kMaxFrameSize = 5;
constexpr int32_t kMaxHeaderListSize = 6;

constexpr uint32_t kNoError = 0;
constexpr uint32_t kInternalError = 2;
constexpr uint32_t kRefusedStream = 7;
constexpr uint32_t kCancel = 8;
constexpr uint32_t kEnhanceYourCalm = 11;

// Every function that is used, by its name without the prefix.
struct Api {
  int (*callbacks_new)(Callbacks**);
  void (*callbacks_del)(Callbacks*);
  void (*set_on_begin_headers)(Callbacks*, int (*)(Session*, const Frame*, void*));
  void (*set_on_header)(Callbacks*, int (*)(Session*, const Frame*, const uint8_t*, size_t, const uint8_t*,
                                            size_t, uint8_t, void*));
  void (*set_on_begin_frame)(Callbacks*, int (*)(Session*, const FrameHeader*, void*));
  void (*set_on_frame_recv)(Callbacks*, int (*)(Session*, const Frame*, void*));
  void (*set_on_frame_send)(Callbacks*, int (*)(Session*, const Frame*, void*));
  void (*set_on_data_chunk_recv)(Callbacks*,
                                 int (*)(Session*, uint8_t, int32_t, const uint8_t*, size_t, void*));
  void (*set_on_stream_close)(Callbacks*, int (*)(Session*, int32_t, uint32_t, void*));
  void (*set_send_data)(Callbacks*,
                        int (*)(Session*, Frame*, const uint8_t*, size_t, DataSource*, void*));
  void (*set_data_source_read_length)(Callbacks*, ssize_t (*)(Session*, uint8_t, int32_t, int32_t, int32_t,
                                                              uint32_t, void*));
  int (*option_new)(Option**);
  void (*option_del)(Option*);
  void (*option_set_no_auto_window_update)(Option*, int);
  // Its presence tells that the library limits how fast a peer may reset streams (CVE-2023-44487).
  void (*option_set_stream_reset_rate_limit)(Option*, uint64_t burst, uint64_t rate);
  int (*session_server_new2)(Session**, const Callbacks*, void* user, const Option*);
  void (*session_del)(Session*);
  ssize_t (*session_mem_recv)(Session*, const uint8_t*, size_t);
  ssize_t (*session_mem_send)(Session*, const uint8_t**);
  int (*session_want_read)(Session*);
  int (*session_want_write)(Session*);
  void* (*session_get_stream_user_data)(Session*, int32_t);
  int (*session_set_stream_user_data)(Session*, int32_t, void*);
  int (*session_consume_connection)(Session*, size_t);
  int (*session_consume_stream)(Session*, int32_t, size_t);
  int (*session_set_local_window_size)(Session*, uint8_t flags, int32_t stream, int32_t window);
  int32_t (*session_get_last_proc_stream_id)(Session*);
  int (*session_resume_data)(Session*, int32_t);
  int (*submit_settings)(Session*, uint8_t flags, const Setting*, size_t);
  int (*submit_response)(Session*, int32_t, const NameValue*, size_t, const DataProvider*);
  int (*submit_trailer)(Session*, int32_t, const NameValue*, size_t);
  int (*submit_rst_stream)(Session*, uint8_t flags, int32_t, uint32_t code);
  int (*submit_ping)(Session*, uint8_t flags, const uint8_t*);
  int (*submit_goaway)(Session*, uint8_t flags, int32_t last, uint32_t code, const uint8_t*, size_t);
  int (*submit_shutdown_notice)(Session*);
};

// The functions of the process, looked up once; null when they cannot be had, and `why` says the reason.
// `library` is opened first when it is given (the tests run outside of Node).
const Api* api(std::string& why, const char* library = nullptr);

}  // namespace wire::ng
