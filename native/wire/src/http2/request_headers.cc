// The headers of calls, one by one as nghttp2 tells them.
#include <optional>
#include <utility>

#include "http2/connection.h"
#include "http2/grpc_text.h"
#include "http2/server.h"

namespace wire {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kAuthorization = "authorization";
// W3C Trace Context: the caller's span. What may come with it is nobody's to read.
constexpr std::string_view kTraceparent = "traceparent";
// A block that is longer than a call's may be is read on so far, so that the call is refused with a sentence.
constexpr size_t kDecodedFactor = 4;

// What clients send besides metadata that handlers ask for.
bool isUsual(std::string_view name) {
  return name == "te"sv || name == "content-type"sv || name == "user-agent"sv || name == "grpc-timeout"sv ||
         name == "grpc-accept-encoding"sv || name == "accept-encoding"sv || name == "grpc-encoding"sv ||
         name == "content-length"sv || name == kAuthorization || name == kTraceparent || name == "tracestate"sv ||
         name == "baggage"sv;
}

Encoding encodingOf(std::string_view value) {
  if (value == "identity"sv) return Encoding::kIdentity;
  if (value == "gzip"sv) return Encoding::kGzip;
  if (value == "deflate"sv) return Encoding::kDeflate;
  return Encoding::kUnknown;
}

}  // namespace

int Connection::beginHeaders(const ng::Frame* frame) {
  heading_ = nullptr;
  blockBytes_ = 0;
  if (callOf(frame->hd.streamId) != nullptr) return 0;  // trailers of a request carry nothing we know
  Call* call = server_.openCall(*this, frame->hd.streamId);
  if (call == nullptr) return ng::kTemporalCallbackFailure;
  call->beganMs = calledMs_ = server_.nowMs();
  call->place = calls_.size();
  calls_.push_back(call);
  ng_.session_set_stream_user_data(session_, frame->hd.streamId, call);
  heading_ = call;
  callsRead_++;
  return 0;
}

// The rest of the block is decoded, because the next one depends on it, and no more looked at: a block of 1
// MB may stand for gigabytes. Clients of gRPC read the code as RESOURCE_EXHAUSTED.
int Connection::giveUp(int32_t stream) {
  ng_.submit_rst_stream(session_, 0, stream, ng::kEnhanceYourCalm);
  return ng::kTemporalCallbackFailure;
}

int Connection::header(int32_t stream, std::string_view name, std::string_view value) {
  blockBytes_ += name.size() + value.size() + 32;  // as SETTINGS_MAX_HEADER_LIST_SIZE counts
  if (blockBytes_ > kDecodedFactor * server_.limits_.headerMaxBytes) return giveUp(stream);
  if (heading_ == nullptr) return 0;
  Call& call = *heading_;
  call.headerBytes = blockBytes_;
  if (call.headerBytes > server_.limits_.headerMaxBytes) return 0;
  if (name.empty()) return 0;
  if (name[0] == ':') {
    if (name == ":path"sv) call.path = value;
    if (name == ":method"sv) call.isPost = value == "POST"sv;
    return 0;
  }
  if (server_.tokens_ && name == kAuthorization) {
    // As with grpc-js, the first one counts and none gets as far as a handler.
    if (!std::exchange(call.presented.came, true)) call.presented.value = value;
    return 0;
  }
  const bool usual = isUsual(name);
  if (usual) {
    if (name == "content-type"sv) call.isGrpc = value.substr(0, 16) == "application/grpc"sv;
    if (name == "grpc-encoding"sv) call.encoding = encodingOf(value);
    if (name == kTraceparent) call.hasTrace = true;
    if (name == "grpc-timeout"sv) {
      const std::optional<double> timeoutMs = parseTimeout(value);
      call.badTimeout = !timeoutMs.has_value();
      if (timeoutMs) call.deadlineMs = server_.nowMs() + *timeoutMs;
    }
  } else {
    call.hasMetadata = true;
  }
  call.metadata.append(name).push_back('\0');
  call.metadata.append(value).push_back('\0');
  return 0;
}

}  // namespace wire
