// What nghttp2 calls: plain functions, each of which finds its connection in the user pointer.
#pragma once

#include "http2/nghttp2.h"

namespace wire {

class Connection;

struct SessionCallbacks {
  // Makes the session of a connection, with all that follows set.
  static ng::Session* open(const ng::Api& api, Connection& connection);
  // The output of a call, by its stream.
  static ssize_t supply(ng::Session*, int32_t stream, uint8_t*, size_t length, uint32_t* flags, ng::DataSource*,
                        void* user);

 private:
  static Connection& self(void* user);
  static int beginHeaders(ng::Session*, const ng::Frame* frame, void* user);
  static int header(ng::Session*, const ng::Frame*, const uint8_t* name, size_t nameLength, const uint8_t* value,
                    size_t valueLength, uint8_t, void* user);
  static int beginFrame(ng::Session*, const ng::FrameHeader* hd, void* user);
  static int received(ng::Session*, const ng::Frame* frame, void* user);
  static int sent(ng::Session*, const ng::Frame* frame, void* user);
  static int chunk(ng::Session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user);
  static int closed(ng::Session*, int32_t stream, uint32_t, void* user);
  static int sendData(ng::Session*, ng::Frame* frame, const uint8_t* header, size_t length, ng::DataSource*,
                      void* user);
  static ssize_t readLength(ng::Session*, uint8_t, int32_t, int32_t sessionWindow, int32_t streamWindow,
                            uint32_t maxFrame, void*);
};

}  // namespace wire
