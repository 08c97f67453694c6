// Node's event loop as the wire needs it: told when the poller has something, before the loop waits, and in periods.
#pragma once

#include <functional>

#include "node_api/uv.h"

namespace wire {

class Loop {
 public:
  struct Hooks {
    std::function<void()> readable;
    std::function<void()> beforeWait;  // once after `askBeforeWait`
    std::function<void()> tick;
  };

  // Watches `descriptor`. `hooks` are called on the loop's thread until `close`.
  Loop(uv_loop_s* loop, int descriptor, Hooks hooks);
  // Handles outlive this object until the loop has let them go.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void askBeforeWait();
  void tickEvery(uint64_t periodMs);
  // Whether the process stays alive for this.
  void keepAlive(bool keep);

 private:
  uv_handle_s* make(int type);

  Hooks hooks_;
  uv_handle_s* poll_;
  uv_handle_s* prepare_;
  uv_handle_s* timer_;
  uint64_t periodMs_ = 0;
  bool asked_ = false;
};

}  // namespace wire
