// The add-on's exports, in the order of lib/native.ts. Calls made per request take plain values and never
// throw.
#include <malloc.h>
#include <napi.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "node_api/exports.h"
#include "http2/connection.h"
#include "sockets/sockets.h"

namespace wire {

namespace {

// Messages of 602 KB come and go all the time: they are kept by the allocator instead of returned to the
// kernel each time. What the environment says stands.
void tuneAllocator() {
  const auto set = [](int parameter, const char* variable, int value) {
    if (std::getenv(variable) == nullptr) mallopt(parameter, value);
  };
  set(M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 1 << 30);
  set(M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 1 << 30);
  set(M_TOP_PAD, "MALLOC_TOP_PAD_", 64 << 20);
}

Napi::Value probe(const Napi::CallbackInfo& info) {
  std::string why;
  const bool tls = info[0].As<Napi::Boolean>();
  const bool ok = ng::api(why) != nullptr && (!tls || ssl::api(why) != nullptr);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("ok", ok);
  result.Set("detail", why);
  return result;
}

double limit(const Napi::Object& from, const char* name) { return from.Get(name).As<Napi::Number>().DoubleValue(); }

ServerLimits limitsOf(const Napi::Object& from) {
  ServerLimits limits{};
  limits.messageMaxBytes = static_cast<size_t>(limit(from, "messageMaxBytes"));
  limits.receiveWindowBytes = static_cast<uint32_t>(limit(from, "receiveWindowBytes"));
  limits.maxFrameBytes = static_cast<uint32_t>(limit(from, "maxFrameBytes"));
  limits.maxConcurrentStreams = static_cast<uint32_t>(limit(from, "maxConcurrentStreams"));
  limits.headerMaxBytes = static_cast<size_t>(limit(from, "headerMaxBytes"));
  limits.connectionsMax = static_cast<size_t>(limit(from, "connectionsMax"));
  limits.heldMaxBytes = static_cast<size_t>(limit(from, "heldMaxBytes"));
  limits.handshakeMaxMs = limit(from, "handshakeMaxMs");
  limits.requestMaxMs = limit(from, "requestMaxMs");
  limits.idleMaxMs = limit(from, "idleMaxMs");
  limits.keepaliveMs = limit(from, "keepaliveMs");
  limits.keepaliveTimeoutMs = limit(from, "keepaliveTimeoutMs");
  limits.unreadMaxMs = limit(from, "unreadMaxMs");
  return limits;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string why;
  const ng::Api* api = ng::api(why);
  if (api == nullptr) throw Napi::Error::New(env, why);
  auto* shared = new std::shared_ptr<WireHandle>(std::make_shared<WireHandle>(
      env, *api, limitsOf(info[0].As<Napi::Object>()), info[1].As<Napi::Float64Array>(),
      info[2].As<Napi::Uint8Array>(), info[3].As<Napi::Function>()));
  // An environment that ends takes its loop with it.
  napi_add_env_cleanup_hook(env, [](void* data) { static_cast<WireHandle*>(data)->close(); }, shared->get());
  return Napi::External<std::shared_ptr<WireHandle>>::New(env, shared, [](Napi::Env ending, auto* held) {
    napi_remove_env_cleanup_hook(ending, [](void* data) { static_cast<WireHandle*>(data)->close(); }, held->get());
    delete held;
  });
}

Napi::Value method(const Napi::CallbackInfo& info) {
  const auto kind = static_cast<MethodKind>(info[2].As<Napi::Number>().Int32Value());
  return Napi::Number::New(info.Env(), wireOf(info).server().add(info[1].As<Napi::String>(), kind));
}

std::string_view viewOf(const Napi::Value& bytes) {
  const auto buffer = bytes.As<Napi::Buffer<char>>();
  return {buffer.Data(), buffer.Length()};
}

// Nothing, or the reason why it cannot be.
Napi::Value secure(const Napi::CallbackInfo& info) {
  TlsIdentity identity;
  const Napi::Object given = info[1].As<Napi::Object>();
  const Napi::Value clientCa = given.Get("clientCa");
  identity.certificate = viewOf(given.Get("certificate"));
  identity.key = viewOf(given.Get("key"));
  if (!clientCa.IsNull()) identity.clientCa = viewOf(clientCa);
  identity.ciphers = given.Get("ciphers").As<Napi::String>();
  identity.tls13Only = given.Get("tls13Only").As<Napi::Boolean>();
  std::string why;
  const ssl::Api* api = ssl::api(why);
  const std::shared_ptr<const TlsContext> tls = api == nullptr ? nullptr : TlsContext::server(*api, identity, why);
  if (tls == nullptr) return Napi::String::New(info.Env(), why);
  wireOf(info).server().secure(tls);
  return info.Env().Undefined();
}

// The port, or the reason why there is none.
Napi::Value listen(const Napi::CallbackInfo& info) {
  auto port = static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value());
  std::string why;
  if (wireOf(info).isClosed()) return Napi::String::New(info.Env(), "the wire is closed");
  const int socket = listenOn(info[1].As<Napi::String>(), port, why);
  if (socket < 0) return Napi::String::New(info.Env(), why);
  wireOf(info).server().listen(socket);
  wireOf(info).loop().keepAlive(true);
  return Napi::Number::New(info.Env(), port);
}

Napi::Value shutDown(const Napi::CallbackInfo& info) {
  WireHandle& wire = wireOf(info);
  if (wire.isClosed()) return info.Env().Undefined();
  wire.server().stopListening();
  wire.server().shutDown(info[1].As<Napi::Boolean>());
  wire.written();
  return info.Env().Undefined();
}

Napi::Value connections(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(wireOf(info).server().connections()));
}

Napi::Value heldBytes(const Napi::CallbackInfo& info) {
  WireHandle& wire = wireOf(info);
  return Napi::Number::New(info.Env(), static_cast<double>(wire.server().heldBytes() + wire.links().heldBytes()));
}

// {connections, bytes, time}
Napi::Value refused(const Napi::CallbackInfo& info) {
  const Refusals& refusals = wireOf(info).server().refusals();
  Napi::Object counts = Napi::Object::New(info.Env());
  counts.Set("connections", static_cast<double>(refusals.connections));
  counts.Set("bytes", static_cast<double>(refusals.bytes));
  counts.Set("time", static_cast<double>(refusals.time));
  return counts;
}

Napi::Value close(const Napi::CallbackInfo& info) {
  wireOf(info).close();
  return info.Env().Undefined();
}

napi_value metadata(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  napi_value list = nullptr;
  napi_create_array(env, &list);
  const Call* call = in.wire().server().find(in.integer(1));
  if (call == nullptr) return list;
  uint32_t count = 0;
  for (size_t at = 0; at < call->metadata.size();) {
    const size_t end = call->metadata.find('\0', at);
    napi_set_element(env, list, count++, textOf(env, {call->metadata.data() + at, end - at}));
    at = end + 1;
  }
  return list;
}

napi_value peer(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Call* call = in.wire().server().find(in.integer(1));
  return textOf(env, call == nullptr || call->connection == nullptr ? "" : std::string_view(call->connection->peer()));
}

napi_value take(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call == nullptr || call->inbox.empty()) return nullptr;
  const Message message = wire.server().take(*call);
  wire.written();
  return toBuffer(env, message.bytes);
}

napi_value copy(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Call* call = in.wire().server().find(in.integer(1));
  if (call == nullptr || call->inbox.empty()) return nullptr;
  return toBuffer(env, call->inbox.front().bytes);
}

napi_value write(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call == nullptr) return toBoolean(env, true);
  const Piece part = in.bytes(2);
  const bool room = wire.server().write(*call, &part, 1);
  wire.written();
  return toBoolean(env, room);
}

napi_value finish(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call == nullptr) return nullptr;
  wire.server().finish(*call, in.integer(2), in.text(3), in.text(4));
  wire.written();
  return nullptr;
}

napi_value answer(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call == nullptr) return nullptr;
  const Piece part = in.bytes(2);
  wire.server().write(*call, &part, 1);
  wire.server().finish(*call, 0, {}, in.text(3));
  wire.written();
  return nullptr;
}

napi_value release(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call != nullptr) wire.server().release(*call);
  return nullptr;
}

// Field 3 of a ModelInferResponse; nothing for a request without an id.
Piece idField(const Call& call) {
  if (call.idBytes == 0) return {};
  std::string field(1, static_cast<char>((3 << 3) | 2));
  size_t length = call.idBytes;
  for (; length >= 0x80; length >>= 7) field.push_back(static_cast<char>(length | 0x80));
  field.push_back(static_cast<char>(length));
  field.append(reinterpret_cast<const char*>(call.id), call.idBytes);
  return Arguments::copyOf(field.data(), field.size());
}

napi_value head(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const auto number = static_cast<size_t>(in.integer(1));
  if (number >= InferHeads::kHeadsMax) return nullptr;
  const std::string& bytes = in.wire().server().heads().head(number);
  return toBuffer(env, bytes.data(), bytes.size());
}

// Bytes of an event that is being handled.
napi_value eventBytes(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  const Event* event = in.wire().handled(static_cast<size_t>(in.integer(1)));
  return event == nullptr ? nullptr : toBuffer(env, event->bytes);
}

// Answers a ModelInfer call: the head, the request's id behind it, and the body of the event that is being
// handled.
napi_value answerInfer(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  const Event* event = wire.handled(static_cast<size_t>(in.integer(3)));
  if (call == nullptr || event == nullptr) return nullptr;
  const Piece parts[] = {in.bytes(2), idField(*call), event->bytes};
  wire.server().write(*call, parts, std::size(parts));
  wire.server().finish(*call, 0, {}, in.text(4));
  wire.written();
  return nullptr;
}

// The same with a body of JavaScript's.
napi_value answerParts(napi_env env, napi_callback_info info) {
  const Arguments in(env, info);
  WireHandle& wire = in.wire();
  Call* call = wire.server().find(in.integer(1));
  if (call == nullptr) return nullptr;
  const Piece parts[] = {in.bytes(2), idField(*call), in.bytes(3)};
  wire.server().write(*call, parts, std::size(parts));
  wire.server().finish(*call, 0, {}, in.text(4));
  wire.written();
  return nullptr;
}

}  // namespace

}  // namespace wire

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  using namespace wire;
  tuneAllocator();
  exports.Set("probe", Napi::Function::New<probe>(env, "probe"));
  exports.Set("open", Napi::Function::New<wire::open>(env, "open"));
  exports.Set("method", Napi::Function::New<method>(env, "method"));
  exports.Set("secure", Napi::Function::New<secure>(env, "secure"));
  exports.Set("listen", Napi::Function::New<wire::listen>(env, "listen"));
  exports.Set("shutDown", Napi::Function::New<shutDown>(env, "shutDown"));
  exports.Set("connections", Napi::Function::New<connections>(env, "connections"));
  exports.Set("heldBytes", Napi::Function::New<heldBytes>(env, "heldBytes"));
  exports.Set("refused", Napi::Function::New<refused>(env, "refused"));
  exports.Set("close", Napi::Function::New<wire::close>(env, "close"));
  setRaw(env, exports, "metadata", metadata);
  setRaw(env, exports, "peer", peer);
  setRaw(env, exports, "take", take);
  setRaw(env, exports, "copy", copy);
  setRaw(env, exports, "write", wire::write);
  setRaw(env, exports, "finish", finish);
  setRaw(env, exports, "answer", answer);
  setRaw(env, exports, "release", wire::release);
  setRaw(env, exports, "head", head);
  setRaw(env, exports, "eventBytes", eventBytes);
  setRaw(env, exports, "answerInfer", answerInfer);
  setRaw(env, exports, "answerParts", answerParts);
  exportAdmission(env, exports);
  exportLinks(env, exports);
  return exports;
}

NODE_API_MODULE(wire, initialize)
