#include "http2/nghttp2.h"

#include "loading/shared_library.h"

namespace wire::ng {

namespace {

std::string fill(SharedLibrary library, Api& api) {
#define FIND(member, name) library.find("nghttp2_" name, api.member)
  FIND(callbacks_new, "session_callbacks_new");
  FIND(callbacks_del, "session_callbacks_del");
  FIND(set_on_begin_headers, "session_callbacks_set_on_begin_headers_callback");
  FIND(set_on_header, "session_callbacks_set_on_header_callback");
  FIND(set_on_begin_frame, "session_callbacks_set_on_begin_frame_callback");
  FIND(set_on_frame_recv, "session_callbacks_set_on_frame_recv_callback");
  FIND(set_on_frame_send, "session_callbacks_set_on_frame_send_callback");
  FIND(set_on_data_chunk_recv, "session_callbacks_set_on_data_chunk_recv_callback");
  FIND(set_on_stream_close, "session_callbacks_set_on_stream_close_callback");
  FIND(set_send_data, "session_callbacks_set_send_data_callback");
  FIND(set_data_source_read_length, "session_callbacks_set_data_source_read_length_callback");
  FIND(option_new, "option_new");
  FIND(option_del, "option_del");
  FIND(option_set_no_auto_window_update, "option_set_no_auto_window_update");
  FIND(option_set_stream_reset_rate_limit, "option_set_stream_reset_rate_limit");
  FIND(session_server_new2, "session_server_new2");
  FIND(session_del, "session_del");
  FIND(session_mem_recv, "session_mem_recv");
  FIND(session_mem_send, "session_mem_send");
  FIND(session_want_read, "session_want_read");
  FIND(session_want_write, "session_want_write");
  FIND(session_get_stream_user_data, "session_get_stream_user_data");
  FIND(session_set_stream_user_data, "session_set_stream_user_data");
  FIND(session_consume_connection, "session_consume_connection");
  FIND(session_consume_stream, "session_consume_stream");
  FIND(session_set_local_window_size, "session_set_local_window_size");
  FIND(session_get_last_proc_stream_id, "session_get_last_proc_stream_id");
  FIND(session_resume_data, "session_resume_data");
  FIND(submit_settings, "submit_settings");
  FIND(submit_response, "submit_response");
  FIND(submit_trailer, "submit_trailer");
  FIND(submit_rst_stream, "submit_rst_stream");
  FIND(submit_ping, "submit_ping");
  FIND(submit_goaway, "submit_goaway");
  FIND(submit_shutdown_notice, "submit_shutdown_notice");
#undef FIND
  return library.error();
}

}  // namespace

const Api* api(std::string& why, const char* library) {
  static Api table{};
  static bool filled = false;
  if (filled) return &table;
  why = fill(library == nullptr ? SharedLibrary::ofProcess() : SharedLibrary::open(library), table);
  if (!why.empty()) return nullptr;
  filled = true;
  return &table;
}

}  // namespace wire::ng
