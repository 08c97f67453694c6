#include "devices/host/queues.h"

#include <chrono>

namespace cb::host {

namespace {

double nowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void Queues::push(const std::shared_ptr<Stream>& stream, Work work) {
  for (Memory::Block* block : work.blocks) block->users++;
  stream->queue.push_back(std::move(work));
}

void Queues::runTo(std::unique_lock<std::mutex>& lock, const Place& place) {
  while (!isDone(place) && !place.stream->queue.empty()) {
    const Place waits = place.stream->queue.front().waits;
    if (isDone(waits)) {
      runOne(lock, place.stream);
    } else {
      runTo(lock, waits);
    }
  }
}

void Queues::runOne(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Stream>& stream) {
  const uint64_t position = stream->done;
  ran_.wait(lock, [&] { return !running_; });
  if (stream->done != position || stream->queue.empty()) return;  // another thread has done it
  Work& work = stream->queue.front();  // stays where it is while others are queued behind it
  if (mayRun()) {
    running_ = true;
    lock.unlock();
    if (work.run) work.run();
    const std::string fault = work.check ? work.check() : "";
    lock.lock();
    running_ = false;
    if (!fault.empty()) faulty(fault);
    if (work.records != nullptr) work.records->doneMs = nowMs();
  }
  leave(work);
  stream->queue.pop_front();
  stream->done++;
  ran_.notify_all();
}

void Queues::drop(Stream& stream) {
  for (Work& work : stream.queue) leave(work);
  stream.done += stream.queue.size();
  stream.queue.clear();
}

void Queues::leave(Work& work) {
  for (Memory::Block* block : work.blocks) block->users--;
}

}  // namespace cb::host
