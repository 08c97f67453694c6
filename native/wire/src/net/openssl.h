// The part of OpenSSL 3 that is used, declared here because Node carries the library and exports its functions, while its
// headers are not installed everywhere. Signatures and numbers are those of the stable ABI of version 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

extern "C" {
struct ssl_st;
struct ssl_ctx_st;
struct ssl_method_st;
struct bio_st;
struct bio_method_st;
struct x509_st;
struct x509_store_st;
struct evp_pkey_st;
}

namespace wire::ssl {

using Session = ssl_st;
using Context = ssl_ctx_st;
using Method = ssl_method_st;
using Bio = bio_st;
using BioMethod = bio_method_st;
using Certificate = x509_st;
using Store = x509_store_st;
using Key = evp_pkey_st;

using AlpnSelect = int (*)(Session*, const unsigned char** out, unsigned char* outLength, const unsigned char* offered,
                           unsigned length, void* user);
using PasswordCallback = int (*)(char* to, int size, int writing, void* user);

constexpr long kVersionMin = 0x30000000L;

constexpr int kSetMode = 33;
constexpr int kSetReadAhead = 41;
constexpr int kSetSessionCacheMode = 44;
constexpr int kAddChainCertificate = 89;
constexpr int kSetMinVersion = 123;

constexpr long kModeReleaseBuffers = 0x10;
constexpr long kSessionCacheOff = 0;
constexpr long kTls12 = 0x0303;
constexpr long kTls13 = 0x0304;

constexpr uint64_t kNoCompression = uint64_t{1} << 17;
constexpr uint64_t kServerPreference = uint64_t{1} << 22;
constexpr uint64_t kNoRenegotiation = uint64_t{1} << 30;

constexpr int kVerifyPeer = 1;
constexpr int kFailWithoutPeer = 2;

constexpr int kAlpnChosen = 0;
constexpr int kAlpnRefused = 2;

constexpr int kErrorWantRead = 2;
constexpr int kErrorZeroReturn = 6;

constexpr int kBioSourceSink = 0x0400;
constexpr int kBioFlush = 11;
constexpr int kBioRetryRead = 1 | 8;

// Every function that is used, by its own name.
struct Api {
  unsigned long (*OpenSSL_version_num)();
  const Method* (*TLS_method)();
  Context* (*SSL_CTX_new)(const Method*);
  void (*SSL_CTX_free)(Context*);
  long (*SSL_CTX_ctrl)(Context*, int command, long number, void* pointer);
  uint64_t (*SSL_CTX_set_options)(Context*, uint64_t);
  int (*SSL_CTX_set_cipher_list)(Context*, const char*);
  int (*SSL_CTX_set_ciphersuites)(Context*, const char*);
  int (*SSL_CTX_use_certificate)(Context*, Certificate*);
  int (*SSL_CTX_use_PrivateKey)(Context*, Key*);
  int (*SSL_CTX_check_private_key)(const Context*);
  void (*SSL_CTX_set_verify)(Context*, int mode, int (*)(int, void*));
  Store* (*SSL_CTX_get_cert_store)(const Context*);
  int (*SSL_CTX_add_client_CA)(Context*, Certificate*);
  int (*SSL_CTX_set_session_id_context)(Context*, const unsigned char*, unsigned);
  void (*SSL_CTX_set_alpn_select_cb)(Context*, AlpnSelect, void*);
  void (*SSL_CTX_set_default_read_buffer_len)(Context*, size_t);
  Session* (*SSL_new)(Context*);
  void (*SSL_free)(Session*);
  void (*SSL_set_bio)(Session*, Bio* read, Bio* write);
  void (*SSL_set_accept_state)(Session*);
  int (*SSL_do_handshake)(Session*);
  int (*SSL_read)(Session*, void*, int);
  int (*SSL_write)(Session*, const void*, int);
  int (*SSL_get_error)(const Session*, int);
  int (*SSL_shutdown)(Session*);
  void (*SSL_get0_alpn_selected)(const Session*, const unsigned char**, unsigned*);
  Bio* (*BIO_new)(const BioMethod*);
  Bio* (*BIO_new_mem_buf)(const void*, int);
  int (*BIO_free)(Bio*);
  BioMethod* (*BIO_meth_new)(int type, const char* name);
  int (*BIO_meth_set_read)(BioMethod*, int (*)(Bio*, char*, int));
  int (*BIO_meth_set_write)(BioMethod*, int (*)(Bio*, const char*, int));
  int (*BIO_meth_set_ctrl)(BioMethod*, long (*)(Bio*, int, long, void*));
  void* (*BIO_get_data)(Bio*);
  void (*BIO_set_data)(Bio*, void*);
  void (*BIO_set_init)(Bio*, int);
  void (*BIO_set_flags)(Bio*, int);
  void (*BIO_clear_flags)(Bio*, int);
  Certificate* (*PEM_read_bio_X509)(Bio*, Certificate**, PasswordCallback, void*);
  Key* (*PEM_read_bio_PrivateKey)(Bio*, Key**, PasswordCallback, void*);
  void (*X509_free)(Certificate*);
  int (*X509_STORE_add_cert)(Store*, Certificate*);
  void (*EVP_PKEY_free)(Key*);
  void (*ERR_clear_error)();
  unsigned long (*ERR_peek_error)();
  const char* (*ERR_reason_error_string)(unsigned long);
};

// The functions of the process, looked up once; null when they cannot be had or are of another version, and `why` says
// the reason. `library` is opened first when it is given.
const Api* api(std::string& why, const char* library = nullptr);

}  // namespace wire::ssl
