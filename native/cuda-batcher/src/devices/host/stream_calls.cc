#include "devices/host/calls.h"
#include "devices/host/state.h"

namespace cb::host {

DeviceResult openStream(DeviceStream** handle, unsigned) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  auto stream = std::make_shared<Stream>();
  stream->device = context->device;
  d.streams.add(handle, std::move(stream), d.nextNumber++);
  return kDeviceOk;
}

DeviceResult closeStream(DeviceStream* handle) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Stream> stream;
  const DeviceResult entered = d.enter(context);
  if (context == nullptr) return entered;
  if (const DeviceResult result = d.find(d.streams, handle, *context, "a stream", stream); result != kDeviceOk) return result;
  const bool working = !stream->queue.empty() && !d.lost;
  d.queues.drop(*stream);
  d.streams.end(handle);
  return working ? d.fault(kDeviceInvalidHandle, "a stream was closed with work that nobody had waited for") : entered;
}

DeviceResult syncStream(DeviceStream* handle) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Stream> stream;
  const DeviceResult result = d.enterWith(d.streams, handle, "a stream", stream);
  if (result != kDeviceOk || stream->queue.empty()) return result;
  return d.runTo(lock, {stream, stream->queued() - 1});
}

namespace {

// Both of a call, found and of the current device.
DeviceResult findBoth(State& d, DeviceStream* streamHandle, DeviceEvent* eventHandle, std::shared_ptr<Stream>& stream,
                      std::shared_ptr<Event>& event) {
  std::shared_ptr<Context> context;
  DeviceResult result = d.enter(context);
  if (result == kDeviceOk) result = d.find(d.streams, streamHandle, *context, "a stream", stream);
  return result == kDeviceOk ? d.find(d.events, eventHandle, *context, "an event", event) : result;
}

}  // namespace

DeviceResult waitEvent(DeviceStream* streamHandle, DeviceEvent* eventHandle, unsigned) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  const DeviceResult result = findBoth(d, streamHandle, eventHandle, stream, event);
  if (result != kDeviceOk) return result;
  if (!event->recorded) return d.fault(kDeviceInvalidHandle, "a stream was to wait for an event that was never recorded");
  Work work;
  work.waits = event->place;
  d.push(lock, stream, std::move(work));
  return kDeviceOk;
}

DeviceResult openEvent(DeviceEvent** handle, unsigned) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  if (const DeviceResult result = d.enter(context); result != kDeviceOk) return result;
  auto event = std::make_shared<Event>();
  event->device = context->device;
  d.events.add(handle, std::move(event), d.nextNumber++);
  return kDeviceOk;
}

DeviceResult closeEvent(DeviceEvent* handle) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Event> event;
  const DeviceResult entered = d.enter(context);
  if (context == nullptr) return entered;
  if (const DeviceResult result = d.find(d.events, handle, *context, "an event", event); result != kDeviceOk) return result;
  d.events.end(handle);
  return entered;
}

DeviceResult recordEvent(DeviceEvent* eventHandle, DeviceStream* streamHandle) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  const DeviceResult result = findBoth(d, streamHandle, eventHandle, stream, event);
  if (result != kDeviceOk) return result;
  event->recorded = true;
  event->place = {stream, stream->queued()};
  Work work;
  work.records = event;
  d.push(lock, stream, std::move(work));
  return kDeviceOk;
}

DeviceResult syncEvent(DeviceEvent* handle) {
  State& d = state();
  Lock lock(d.mutex);
  std::shared_ptr<Event> event;
  if (const DeviceResult result = d.enterWith(d.events, handle, "an event", event); result != kDeviceOk) return result;
  if (!event->recorded) return d.fault(kDeviceInvalidHandle, "an event was waited for that was never recorded");
  return d.runTo(lock, event->place);
}

DeviceResult elapsed(float* ms, DeviceEvent* startHandle, DeviceEvent* endHandle) {
  State& d = state();
  const Lock lock(d.mutex);
  std::shared_ptr<Context> context;
  std::shared_ptr<Event> start;
  std::shared_ptr<Event> end;
  DeviceResult result = d.enter(context);
  if (result == kDeviceOk) result = d.find(d.events, startHandle, *context, "an event", start);
  if (result == kDeviceOk) result = d.find(d.events, endHandle, *context, "an event", end);
  if (result != kDeviceOk) return result;
  if (!start->recorded || !end->recorded) return d.fault(kDeviceInvalidHandle, "the time between events of which one was never recorded");
  if (!Queues::isDone(start->place) || !Queues::isDone(end->place)) {
    return d.fault(kDeviceNotReady, "the time between events that are not both done");
  }
  *ms = static_cast<float>(end->doneMs - start->doneMs);
  return kDeviceOk;
}

}  // namespace cb::host
