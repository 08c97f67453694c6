// What JavaScript holds: one poller with a server and links, its events in one shared array.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "node_api/loop.h"
#include "http2/server.h"
#include "link/link.h"
#include "net/event.h"
#include "sockets/poller.h"

namespace wire {

class WireHandle {
 public:
  WireHandle(Napi::Env env, const ng::Api& api, ServerLimits limits, Napi::Float64Array shared,
             Napi::Uint8Array scratch, Napi::Function onEvents);
  ~WireHandle();
  WireHandle(const WireHandle&) = delete;
  WireHandle& operator=(const WireHandle&) = delete;

  Server& server() { return server_; }
  Links& links() { return links_; }
  // Names of variants that links are told of, by the number JavaScript knows them by.
  std::vector<std::string>& variants() { return variants_; }
  Loop& loop() { return *loop_; }
  uint8_t* scratch() { return scratchData_; }
  size_t scratchBytes() const { return scratchBytes_; }
  // The event of this place in the batch that JavaScript is handling; null when there is none.
  const Event* handled(size_t place) const;
  // Something was written: it leaves at the end of the batch, or before the loop waits.
  void written() {
    if (!delivering_ && loop_ != nullptr) loop_->askBeforeWait();
  }
  // Cuts everything off. Idempotent.
  void close();
  bool isClosed() const { return loop_ == nullptr; }

 private:
  void deliver();
  void flush();
  void call(size_t first, size_t count);
  void tick();

  Napi::Env env_;
  Poller poller_;
  Events events_;
  Server server_;
  Links links_;
  std::vector<std::string> variants_;
  Events batch_;
  size_t batchFirst_ = 0;
  Napi::Reference<Napi::Float64Array> shared_;
  Napi::Reference<Napi::Uint8Array> scratch_;
  Napi::FunctionReference onEvents_;
  Napi::AsyncContext context_;
  double* sharedNumbers_;
  size_t sharedEvents_;
  uint8_t* scratchData_;
  size_t scratchBytes_;
  std::unique_ptr<Loop> loop_;
  bool delivering_ = false;
};

}  // namespace wire
