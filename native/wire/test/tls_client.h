// A TLS client on bytes in memory, with the same library as the server under test: what it wants sent can be changed on
// its way.
#pragma once

#include <dlfcn.h>

#include <memory>
#include <string>

#include "net/openssl.h"
#include "tls_pem.h"

namespace tls {

using namespace wire;

constexpr char kLibrary[] = "libssl.so.3";

struct ClientOptions {
  std::string alpn = std::string("\x02h2");
  bool certificate = false;
  long maxVersion = 0;  // 0: the newest
};

class Client {
 public:
  Client(const ssl::Api& api, const ClientOptions& o) : api_(api), context_(api.SSL_CTX_new(api.TLS_method())) {
    constexpr int kSetMaxVersion = 124;
    if (o.maxVersion != 0) api.SSL_CTX_ctrl(context_, kSetMaxVersion, o.maxVersion, nullptr);
    if (!o.alpn.empty())
      call<int (*)(SSL_CTX*, const unsigned char*, unsigned)>("SSL_CTX_set_alpn_protos")(
          context_, reinterpret_cast<const unsigned char*>(o.alpn.data()), static_cast<unsigned>(o.alpn.size()));
    if (o.certificate) present();
    session_ = api.SSL_new(context_);
    in_ = api.BIO_new(call<const BIO_METHOD* (*)()>("BIO_s_mem")());
    out_ = api.BIO_new(call<const BIO_METHOD* (*)()>("BIO_s_mem")());
    api.SSL_set_bio(session_, in_, out_);
    call<void (*)(SSL*)>("SSL_set_connect_state")(session_);
  }
  ~Client() {
    api_.SSL_free(session_);
    api_.SSL_CTX_free(context_);
    api_.ERR_clear_error();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Bytes from the server.
  void heard(const char* bytes, size_t size) {
    write_(in_, bytes, static_cast<int>(size));
    api_.ERR_clear_error();
    if (!ready_ && api_.SSL_do_handshake(session_) == 1) ready_ = true;
    char chunk[16'384];
    for (int got; ready_ && (got = api_.SSL_read(session_, chunk, sizeof chunk)) > 0;)
      opened.append(chunk, static_cast<size_t>(got));
  }
  void begin() { heard("", 0); }
  bool ready() const { return ready_; }
  void say(const std::string& bytes) { api_.SSL_write(session_, bytes.data(), static_cast<int>(bytes.size())); }
  // Has the other side say that it takes a new key, and answer with its own.
  void renewKeys() { call<int (*)(SSL*, int)>("SSL_key_update")(session_, 1); }
  // Bytes for the server.
  std::string sealed() {
    std::string bytes;
    char chunk[16'384];
    for (int got; (got = read_(out_, chunk, sizeof chunk)) > 0;) bytes.append(chunk, static_cast<size_t>(got));
    return bytes;
  }

  std::string opened;

 private:
  template <typename Function>
  Function call(const char* name) {
    return reinterpret_cast<Function>(dlsym(dlopen(kLibrary, RTLD_NOW), name));
  }
  void present() {
    BIO* certificate = api_.BIO_new_mem_buf(kTestCertificate, sizeof kTestCertificate - 1);
    BIO* key = api_.BIO_new_mem_buf(kTestKey, sizeof kTestKey - 1);
    X509* own = api_.PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
    EVP_PKEY* ownKey = api_.PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
    api_.SSL_CTX_use_certificate(context_, own);
    api_.SSL_CTX_use_PrivateKey(context_, ownKey);
    api_.X509_free(own);
    api_.EVP_PKEY_free(ownKey);
    api_.BIO_free(certificate);
    api_.BIO_free(key);
  }

  const ssl::Api& api_;
  SSL_CTX* context_;
  SSL* session_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
  bool ready_ = false;
  int (*read_)(BIO*, void*, int) = call<int (*)(BIO*, void*, int)>("BIO_read");
  int (*write_)(BIO*, const void*, int) = call<int (*)(BIO*, const void*, int)>("BIO_write");
};

}  // namespace tls
