#include "net/tls_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>
#include <string_view>

namespace wire {

namespace {

using namespace std::string_view_literals;

// What a peer may send during the handshake: a chain of certificates of 100 KB, which is the library's own limit, and
// the rest of it.
constexpr size_t kHandshakeMaxBytes = 192 * 1024;
// No more is sealed ahead of a socket that takes nothing.
constexpr size_t kSealedHighBytes = 256 * 1024;
// Only a peer that makes the library answer and does not read gets there.
constexpr size_t kSealedMaxBytes = 1024 * 1024;
// Of one call: what is sealed is then in the cache for what follows.
constexpr size_t kSealBytes = 16 * 1024;

// Callbacks of a BIO have nothing else to find the library by.
const ssl::Api* bioApi = nullptr;

}  // namespace

const BIO_METHOD* TlsSession::bioMethod(const ssl::Api& api) {
  static const BIO_METHOD* const method = [&api] {
    BIO_METHOD* made = api.BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");
    if (made == nullptr) throw std::bad_alloc();
    bioApi = &api;
    api.BIO_meth_set_read(made, bioRead);
    api.BIO_meth_set_write(made, bioWrite);
    api.BIO_meth_set_ctrl(made, bioControl);
    return made;
  }();
  return method;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)), api_(context_->api()), socket_(socket) {
  BIO* bio = api_.BIO_new(bioMethod(api_));
  session_ = bio == nullptr ? nullptr : api_.SSL_new(context_->context());
  if (session_ == nullptr) {
    if (bio != nullptr) api_.BIO_free(bio);
    throw std::bad_alloc();
  }
  api_.BIO_set_data(bio, this);
  api_.BIO_set_init(bio, 1);
  api_.SSL_set_bio(session_, bio, bio);
  api_.SSL_set_accept_state(session_);
}

TlsSession::~TlsSession() { api_.SSL_free(session_); }

// 0 = the peer has ended; -1 without the mark that it may be tried again = it must not go on.
int TlsSession::bioRead(BIO* bio, char* to, int size) {
  auto& self = *static_cast<TlsSession*>(bioApi->BIO_get_data(bio));
  bioApi->BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
  ssize_t got = 0;
  do {
    errno = EAGAIN;
    got = self.budget_ == 0 ? -1 : recv(self.socket_, to, static_cast<size_t>(size), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) bioApi->BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
  if (got <= 0) return static_cast<int>(got);
  self.heard_ = true;
  self.budget_ -= std::min(self.budget_, static_cast<size_t>(got));
  if (!self.ready_ && (self.handshakeBytes_ += static_cast<size_t>(got)) > kHandshakeMaxBytes) {
    self.fault_ = "more than " + std::to_string(kHandshakeMaxBytes) + " bytes came before the handshake was complete";
    return -1;
  }
  return static_cast<int>(got);
}

int TlsSession::bioWrite(BIO* bio, const char* from, int size) {
  Outbox& sealed = static_cast<TlsSession*>(bioApi->BIO_get_data(bio))->sealed_;
  if (sealed.bytes() > kSealedMaxBytes) return -1;
  sealed.append(from, static_cast<size_t>(size));
  return size;
}

long TlsSession::bioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

ssize_t TlsSession::read(uint8_t* to, size_t room) {
  if (over_) return -1;
  api_.ERR_clear_error();
  if (!ready_) {
    const int done = api_.SSL_do_handshake(session_);
    if (done != 1) return judge(done);
    if (!agreedOnH2()) {
      over_ = true;
      fault_ = "the caller did not ask for HTTP/2";
      return -1;
    }
    ready_ = true;
  }
  const int got = api_.SSL_read(session_, to, static_cast<int>(std::min<size_t>(room, INT_MAX)));
  return got > 0 ? got : judge(got);
}

bool TlsSession::agreedOnH2() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  api_.SSL_get0_alpn_selected(session_, &name, &length);
  return std::string_view(reinterpret_cast<const char*>(name), length) == "h2"sv;
}

ssize_t TlsSession::judge(int result) {
  const int error = api_.SSL_get_error(session_, result);
  if (error == SSL_ERROR_WANT_READ) return 0;
  over_ = true;
  const std::string reason = takeReason(api_);
  if (fault_.empty()) fault_ = reason;
  // What the library has to say of it.
  flushSealed();
  return -1;
}

bool TlsSession::seal(Outbox& plain) {
  api_.ERR_clear_error();
  while (plain.bytes() > 0 && sealed_.bytes() < kSealedHighBytes) {
    const Outbox::View front = plain.front();
    const int count = static_cast<int>(std::min(front.size, kSealBytes));
    if (api_.SSL_write(session_, front.data, count) != count) return false;
    plain.drop(static_cast<size_t>(count));
  }
  return true;
}

Flush TlsSession::flush(Outbox& plain, size_t& budget) {
  while (true) {
    if (over_ || (ready_ && !seal(plain))) {
      takeReason(api_);
      return Flush::kBroken;
    }
    const Flush flushed = sealed_.flush(socket_, budget);
    if (flushed != Flush::kDone || !ready_ || plain.bytes() == 0) return flushed;
  }
}

void TlsSession::close() {
  if (!ready_ || over_) return;
  over_ = true;
  api_.SSL_shutdown(session_);
  api_.ERR_clear_error();
  flushSealed();
}

void TlsSession::flushSealed() {
  size_t budget = kWriteBudgetBytes;
  sealed_.flush(socket_, budget);
}

}  // namespace wire
