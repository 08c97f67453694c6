#include "net/openssl.h"

#include "loading/shared_library.h"

namespace wire::ssl {

namespace {

std::string fill(SharedLibrary library, Api& api) {
#define FIND(name) library.find(#name, api.name)
  FIND(OpenSSL_version_num);
  FIND(TLS_method);
  FIND(SSL_CTX_new);
  FIND(SSL_CTX_free);
  FIND(SSL_CTX_ctrl);
  FIND(SSL_CTX_set_options);
  FIND(SSL_CTX_set_cipher_list);
  FIND(SSL_CTX_set_ciphersuites);
  FIND(SSL_CTX_use_certificate);
  FIND(SSL_CTX_use_PrivateKey);
  FIND(SSL_CTX_check_private_key);
  FIND(SSL_CTX_set_verify);
  FIND(SSL_CTX_get_cert_store);
  FIND(SSL_CTX_add_client_CA);
  FIND(SSL_CTX_set_session_id_context);
  FIND(SSL_CTX_set_alpn_select_cb);
  FIND(SSL_CTX_set_default_read_buffer_len);
  FIND(SSL_new);
  FIND(SSL_free);
  FIND(SSL_set_bio);
  FIND(SSL_set_accept_state);
  FIND(SSL_do_handshake);
  FIND(SSL_read);
  FIND(SSL_write);
  FIND(SSL_get_error);
  FIND(SSL_shutdown);
  FIND(SSL_get0_alpn_selected);
  FIND(BIO_new);
  FIND(BIO_new_mem_buf);
  FIND(BIO_free);
  FIND(BIO_meth_new);
  FIND(BIO_meth_set_read);
  FIND(BIO_meth_set_write);
  FIND(BIO_meth_set_ctrl);
  FIND(BIO_get_data);
  FIND(BIO_set_data);
  FIND(BIO_set_init);
  FIND(BIO_set_flags);
  FIND(BIO_clear_flags);
  FIND(PEM_read_bio_X509);
  FIND(PEM_read_bio_PrivateKey);
  FIND(X509_free);
  FIND(X509_STORE_add_cert);
  FIND(EVP_PKEY_free);
  FIND(ERR_clear_error);
  FIND(ERR_peek_error);
  FIND(ERR_reason_error_string);
#undef FIND
  return library.error();
}

}  // namespace

const Api* api(std::string& why, const char* library) {
  static Api table{};
  static bool filled = false;
  if (filled) return &table;
  why = fill(library == nullptr ? SharedLibrary::ofProcess() : SharedLibrary::open(library), table);
  if (!why.empty()) return nullptr;
  if (table.OpenSSL_version_num() < static_cast<unsigned long>(kVersionMin)) {
    why = "its OpenSSL is older than version 3";
    return nullptr;
  }
  filled = true;
  return &table;
}

}  // namespace wire::ssl
