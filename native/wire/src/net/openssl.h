// OpenSSL 3 as the process carries it. Node's headers declare it; its functions are found by name when the add-on runs,
// because a Node may be built without exporting them.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <string>

namespace wire::ssl {

// Every function that is used.
#define WIRE_OPENSSL_FUNCTIONS(EACH) \
  EACH(OpenSSL_version_num) EACH(TLS_method) EACH(SSL_CTX_new) EACH(SSL_CTX_free) EACH(SSL_CTX_ctrl) \
  EACH(SSL_CTX_set_options) EACH(SSL_CTX_set_cipher_list) EACH(SSL_CTX_set_ciphersuites) \
  EACH(SSL_CTX_use_certificate) EACH(SSL_CTX_use_PrivateKey) EACH(SSL_CTX_check_private_key) \
  EACH(SSL_CTX_set_verify) EACH(SSL_CTX_get_cert_store) EACH(SSL_CTX_add_client_CA) \
  EACH(SSL_CTX_set_session_id_context) EACH(SSL_CTX_set_alpn_select_cb) \
  EACH(SSL_CTX_set_default_read_buffer_len) EACH(SSL_new) EACH(SSL_free) EACH(SSL_set_bio) \
  EACH(SSL_set_accept_state) EACH(SSL_do_handshake) EACH(SSL_read) EACH(SSL_write) EACH(SSL_get_error) \
  EACH(SSL_shutdown) EACH(SSL_get0_alpn_selected) EACH(BIO_new) EACH(BIO_new_mem_buf) EACH(BIO_free) \
  EACH(BIO_meth_new) EACH(BIO_meth_set_read) EACH(BIO_meth_set_write) EACH(BIO_meth_set_ctrl) \
  EACH(BIO_get_data) EACH(BIO_set_data) EACH(BIO_set_init) EACH(BIO_set_flags) EACH(BIO_clear_flags) \
  EACH(PEM_read_bio_X509) EACH(PEM_read_bio_PrivateKey) EACH(X509_free) EACH(X509_STORE_add_cert) \
  EACH(EVP_PKEY_free) EACH(ERR_clear_error) EACH(ERR_peek_error) EACH(ERR_reason_error_string)

// Pointers to them, by their own names.
struct Api {
#define DECLARE(name) decltype(&::name) name;
  WIRE_OPENSSL_FUNCTIONS(DECLARE)
#undef DECLARE
};

// The functions of the process, looked up once; null when they cannot be had or are of another major version, and `why`
// says the reason. `library` is opened first when it is given.
const Api* api(std::string& why, const char* library = nullptr);

}  // namespace wire::ssl
