// Node's event loop as the wire needs it: told when the poller has something, before the loop waits, and in periods.
#pragma once

#include <uv.h>

#include <functional>

namespace wire {

class Loop {
 public:
  struct Hooks {
    std::function<void()> readable;
    std::function<void()> beforeWait;  // once after `askBeforeWait`
    std::function<void()> tick;
  };

  // Watches `descriptor`. `hooks` are called on the loop's thread until `close`.
  Loop(uv_loop_t* loop, int descriptor, Hooks hooks);
  // Handles outlive this object until the loop has let them go.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void askBeforeWait();
  void tickEvery(uint64_t periodMs);
  // Whether the process stays alive for this.
  void keepAlive(bool keep);

 private:
  Hooks hooks_;
  uv_poll_t* poll_ = new uv_poll_t;
  uv_prepare_t* prepare_ = new uv_prepare_t;
  uv_timer_t* timer_ = new uv_timer_t;
  uint64_t periodMs_ = 0;
  bool asked_ = false;
};

}  // namespace wire
