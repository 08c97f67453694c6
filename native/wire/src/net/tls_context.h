// What a server shows and asks of those who connect with TLS: one context for all connections made while it is current.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/openssl.h"

namespace wire {

// PEM texts, and settings as Node has them.
struct TlsIdentity {
  std::string_view certificate;  // the chain, the own one first
  std::string_view key;
  std::string_view clientCa;  // empty: callers need no certificate; else one of these authorities
  std::string ciphers;        // as in Node's options: those of TLS 1.3 and before together, by colons
  bool tls13Only = false;
};

class TlsContext {
 public:
  // Null when the texts are not usable: `why` says the reason.
  static std::shared_ptr<const TlsContext> server(const ssl::Api& api, const TlsIdentity& identity, std::string& why);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const ssl::Api& api() const { return api_; }
  SSL_CTX* context() const { return context_; }

 private:
  TlsContext(const ssl::Api& api, SSL_CTX* context) : api_(api), context_(context) {}

  const ssl::Api& api_;
  SSL_CTX* context_;
};

// The oldest reason in the library's queue, which is emptied: Node uses the same one.
std::string takeReason(const ssl::Api& api);

}  // namespace wire
