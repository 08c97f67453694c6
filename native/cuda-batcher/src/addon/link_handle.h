// A link server as one JavaScript environment holds it: hands events over, and ends the server before the environment.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>

#include "serving/frame_server.h"

namespace cb {

class LinkHandle {
 public:
  // JS thread. Listens; `onEvent(connection, message)` is called for every frame that JavaScript is to answer, and without
  // a message when a connection has ended. Throws a JavaScript error when it cannot listen.
  static std::shared_ptr<LinkHandle> open(Napi::Env env, const link::ServerOptions& options, Napi::Function onEvent);
  ~LinkHandle();

  link::Server& server() { return *server_; }
  void stop(double graceMs);    // any thread
  void dispose();               // JS thread, after stop

 private:
  LinkHandle() = default;
  void pass(link::Event event);

  std::unique_ptr<link::Server> server_;
  std::mutex gate_;  // around every use of function_ off the JS thread
  napi_threadsafe_function function_ = nullptr;
  bool disposed_ = false;
  uint64_t exitGuard_ = 0;
};

}  // namespace cb
