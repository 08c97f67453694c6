#include "net/tls_context.h"

#include <climits>
#include <cstring>
#include <vector>

namespace wire {

namespace {

using namespace std::string_view_literals;

// What the library takes from a socket in one go: four records, so that large messages need fewer calls.
constexpr size_t kReadBufferBytes = 64 * 1024;
// Tickets are taken by the context that made them only; with certificates of callers the library wants a name for that.
constexpr unsigned char kSessionContext[] = "infaas";
constexpr unsigned char kH2[] = {2, 'h', '2'};

// Encrypted keys are not taken, and nobody is asked for a password on the terminal.
int noPassword(char*, int, int, void*) { return 0; }

int chooseH2(SSL*, const unsigned char** out, unsigned char* outLength, const unsigned char* offered,
             unsigned length, void*) {
  for (unsigned at = 0; at < length; at += 1u + offered[at]) {
    const unsigned size = offered[at];
    if (at + 1 + size > length) break;
    if (std::string_view(reinterpret_cast<const char*>(offered) + at + 1, size) != "h2"sv) continue;
    *out = offered + at + 1;
    *outLength = kH2[0];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// One text of PEM, read item by item.
class Pem {
 public:
  Pem(const ssl::Api& api, std::string_view text)
      : api_(api),
        bio_(text.size() > INT_MAX ? nullptr : api.BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))) {}
  ~Pem() {
    if (bio_ != nullptr) api_.BIO_free(bio_);
  }
  Pem(const Pem&) = delete;
  Pem& operator=(const Pem&) = delete;

  // To be freed; null at the end, and for what is none.
  X509* certificate() {
    return bio_ == nullptr ? nullptr : api_.PEM_read_bio_X509(bio_, nullptr, noPassword, nullptr);
  }
  EVP_PKEY* key() { return bio_ == nullptr ? nullptr : api_.PEM_read_bio_PrivateKey(bio_, nullptr, noPassword, nullptr); }

 private:
  const ssl::Api& api_;
  BIO* bio_;
};

bool useChain(const ssl::Api& api, SSL_CTX* context, std::string_view text) {
  Pem pem(api, text);
  X509* own = pem.certificate();
  if (own == nullptr) return false;
  const bool used = api.SSL_CTX_use_certificate(context, own) == 1;
  api.X509_free(own);
  if (!used) return false;
  while (X509* next = pem.certificate()) {
    constexpr long kTakeOver = 0;
    if (api.SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, kTakeOver, next) == 1) continue;
    api.X509_free(next);
    return false;
  }
  return true;
}

bool useKey(const ssl::Api& api, SSL_CTX* context, std::string_view text) {
  EVP_PKEY* key = Pem(api, text).key();
  if (key == nullptr) return false;
  const bool used = api.SSL_CTX_use_PrivateKey(context, key) == 1;
  api.EVP_PKEY_free(key);
  return used && api.SSL_CTX_check_private_key(context) == 1;
}

// Demands a certificate of one of these authorities.
bool demandClients(const ssl::Api& api, SSL_CTX* context, std::string_view text) {
  Pem pem(api, text);
  size_t count = 0;
  while (X509* authority = pem.certificate()) {
    const bool added = api.X509_STORE_add_cert(api.SSL_CTX_get_cert_store(context), authority) == 1 &&
                       api.SSL_CTX_add_client_CA(context, authority) == 1;
    api.X509_free(authority);
    if (!added) return false;
    count++;
  }
  api.SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return count > 0;
}

// Node's one list has both kinds; the library wants them apart.
bool setCiphers(const ssl::Api& api, SSL_CTX* context, const std::string& all) {
  std::string suites;
  std::string list;
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find(':', at), all.size());
    std::string& to = all.compare(at, 4, "TLS_") == 0 ? suites : list;
    if (!to.empty()) to += ':';
    to.append(all, at, end - at);
    at = end + 1;
  }
  return (suites.empty() || api.SSL_CTX_set_ciphersuites(context, suites.c_str()) == 1) &&
         (list.empty() || api.SSL_CTX_set_cipher_list(context, list.c_str()) == 1);
}

}  // namespace

std::string takeReason(const ssl::Api& api) {
  const unsigned long code = api.ERR_peek_error();
  const char* reason = code == 0 ? nullptr : api.ERR_reason_error_string(code);
  std::string text = reason == nullptr ? "" : reason;
  api.ERR_clear_error();
  return text;
}

TlsContext::~TlsContext() { api_.SSL_CTX_free(context_); }

std::shared_ptr<const TlsContext> TlsContext::server(const ssl::Api& api, const TlsIdentity& identity,
                                                     std::string& why) {
  api.ERR_clear_error();
  SSL_CTX* context = api.SSL_CTX_new(api.TLS_method());
  if (context == nullptr) throw std::bad_alloc();
  std::shared_ptr<const TlsContext> made(new TlsContext(api, context));
  api.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, identity.tls13Only ? TLS1_3_VERSION : TLS1_2_VERSION, nullptr);
  api.SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  // Idle connections hold no buffers.
  api.SSL_CTX_ctrl(context, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, nullptr);
  api.SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, nullptr);
  api.SSL_CTX_set_default_read_buffer_len(context, kReadBufferBytes);
  // Tickets, which callers keep, need no memory here.
  api.SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
  api.SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  api.SSL_CTX_set_alpn_select_cb(context, chooseH2, nullptr);
  const char* fault = !setCiphers(api, context, identity.ciphers)      ? "the ciphers"
                      : !useChain(api, context, identity.certificate)  ? "the certificate"
                      : !useKey(api, context, identity.key)            ? "the key"
                      : !identity.clientCa.empty() && !demandClients(api, context, identity.clientCa)
                          ? "the authorities of callers"
                          : nullptr;
  const std::string reason = takeReason(api);
  if (fault == nullptr) return made;
  why = std::string(fault) + " cannot be used" + (reason.empty() ? "" : ": " + reason);
  return nullptr;
}

}  // namespace wire
