// Streams and events of a host device: what is queued, in which order it may be done, and when it was.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "devices/host/memory.h"

namespace cb::host {

struct Stream;

// A place in a stream: that of the work before which `position` pieces of work were queued.
struct Place {
  std::shared_ptr<Stream> stream;
  uint64_t position = 0;
};

struct Event {
  int device = 0;
  bool recorded = false;
  Place place;       // of its last record
  double doneMs = 0;
};

struct Work {
  std::function<void()> run;                          // empty: it only orders
  std::function<std::string()> check;                 // afterwards; a sentence: it did what it must not
  std::vector<Memory::Block*> blocks;                 // what it reads and writes
  Place waits;                                        // done first; no stream: nothing is
  std::shared_ptr<Event> records;
};

struct Stream {
  int device = 0;
  std::deque<Work> queue;
  uint64_t done = 0;  // pieces of work; those queued follow
  uint64_t queued() const { return done + queue.size(); }
};

// Work of all devices. All calls are made with `mutex` held, which is let go of while a piece of work runs.
class Queues {
 public:
  void push(const std::shared_ptr<Stream>& stream, Work work);
  // Does what must be done before all that was queued up to the place is.
  void runTo(std::unique_lock<std::mutex>& lock, const Place& place);
  // Does one piece of work that nothing holds back.
  void runOne(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Stream>& stream);
  // Drops what is queued there.
  void drop(Stream& stream);
  static bool isDone(const Place& place) { return place.stream == nullptr || place.stream->done > place.position; }

  std::function<bool()> mayRun;                    // asked before each piece; false: it is dropped instead
  std::function<void(const std::string&)> faulty;  // told what work did that it must not

 private:
  void leave(Work& work);

  bool running_ = false;  // one piece at a time, as on one engine
  std::condition_variable ran_;
};

}  // namespace cb::host
