#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <string>

#include "check.h"
#include "echo_server.h"
#include "http2_client.h"
#include "tls_client.h"

using namespace wire;

namespace {

const ssl::Api* openssl() {
  std::string why;
  const ssl::Api* api = ssl::api(why, tls::kLibrary);
  if (api == nullptr) std::printf("SKIPPED: %s\n", why.c_str());
  return api;
}

std::shared_ptr<const TlsContext> context(const ssl::Api& api, bool clients = false) {
  TlsIdentity identity;
  identity.certificate = kTestCertificate;
  identity.key = kTestKey;
  if (clients) identity.clientCa = kTestCertificate;
  identity.ciphers = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:HIGH:!aNULL";
  std::string why;
  auto made = TlsContext::server(api, identity, why);
  if (made == nullptr) std::printf("no context: %s\n", why.c_str());
  return made;
}

// A server with TLS; null where one of the libraries is missing.
std::unique_ptr<Echo> securedEcho(bool clients = false) {
  const ng::Api* nghttp2 = library();
  const ssl::Api* api = openssl();
  if (nghttp2 == nullptr || api == nullptr) return nullptr;
  auto echo = std::make_unique<Echo>(*nghttp2);
  echo->server().secure(context(*api, clients));
  return echo;
}

// What may be done to bytes on their way to the server; `sent` were sent before.
using Change = std::function<void(std::string& bytes, size_t sent)>;
using Enough = std::function<bool(const std::string& opened)>;

struct Talk {
  tls::ClientOptions client;
  size_t step = 1 << 20;  // bytes written at once
  int turnsMax = 20'000;
  Change change;
};

// Shakes hands, says `bytes` and reads until `enough` holds of what came, or the server hangs up.
std::string talk(Echo& echo, const std::string& bytes, const Enough& enough, const Talk& how = {}) {
  std::string why;
  tls::Client client(*openssl(), how.client);
  const int socket = connectTo("127.0.0.1", echo.port(), why);
  std::string pending;
  size_t sent = 0;
  bool said = false;
  client.begin();
  for (int turns = 0; turns < how.turnsMax && !enough(client.opened); turns++) {
    std::string fresh = client.sealed();
    if (how.change) how.change(fresh, sent + pending.size());
    pending += fresh;
    const ssize_t count = send(socket, pending.data(), std::min(how.step, pending.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += static_cast<size_t>(count);
      pending.erase(0, static_cast<size_t>(count));
    }
    echo.turn();
    char chunk[65'536];
    const ssize_t got = recv(socket, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got == 0) break;
    if (got > 0) client.heard(chunk, static_cast<size_t>(got));
    if (client.ready() && !said) {
      client.say(bytes);
      said = true;
    }
  }
  close(socket);
  echo.turn();
  echo.turn();
  return client.opened;
}

Enough turns(int count) {
  return [count](const std::string&) mutable { return count-- <= 0; };
}

void expectNothingHeld(Echo& echo) {
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().openCalls() == 0);
  CHECK(echo.server().connections() == 0);
}

void echoes(const std::string& path, size_t size, const Talk& how) {
  const auto echo = securedEcho(how.client.certificate);
  if (echo == nullptr) return;
  const std::string sent = http2::message(patterned(size));
  const size_t wanted = std::min<size_t>(sent.size(), 60'000);  // beyond the client's window the server waits
  const std::string heard =
      talk(*echo, http2::preface() + http2::call(1, path, patterned(size)),
           [&](const std::string& opened) { return http2::answers(opened)[1].size() >= wanted; }, how);
  const std::string answer = http2::answers(heard)[1];
  CHECK(answer.size() >= wanted);
  CHECK(answer == sent.substr(0, answer.size()));
  expectNothingHeld(*echo);
}

// Whether a client that is so gets an answer.
bool served(Echo& echo, const tls::ClientOptions& client) {
  Talk how;
  how.client = client;
  how.turnsMax = 200;
  const std::string heard = talk(echo, http2::preface() + http2::call(1, "/t.T/Say", "x"),
                                 [](const std::string& opened) { return http2::answers(opened).count(1) > 0; }, how);
  return http2::answers(heard)[1] == http2::message("x");
}

// Says these bytes without any TLS.
void sayPlainly(Echo& echo, const std::string& bytes) {
  std::string why;
  const int socket = connectTo("127.0.0.1", echo.port(), why);
  send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  for (int i = 0; i < 6; i++) echo.turn();
  close(socket);
  echo.turn();
  echo.turn();
}

constexpr long kTls11 = 0x0302;

}  // namespace

TEST("a call inside TLS is answered, byte by byte") { echoes("/t.T/Say", 300, {{}, 1, 20'000, nullptr}); }

TEST("a large message inside TLS is received whole") { echoes("/t.T/Infer", 602'112, {}); }

TEST("a large message inside TLS in odd pieces is received whole") { echoes("/t.T/Infer", 602'112, {{}, 7'001, 20'000, nullptr}); }

TEST("TLS 1.2 is spoken, and nothing older") {
  tls::ClientOptions client;
  client.maxVersion = TLS1_2_VERSION;
  echoes("/t.T/Say", 70'000, {client, 1 << 20, 20'000, nullptr});
  client.maxVersion = kTls11;
  if (const auto echo = securedEcho()) CHECK(!served(*echo, client));
}

TEST("a caller of whom a certificate is asked is let in with one alone") {
  tls::ClientOptions client;
  for (const long version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    client.maxVersion = version;
    const auto echo = securedEcho(true);
    if (echo == nullptr) return;
    client.certificate = false;
    CHECK(!served(*echo, client));
    client.certificate = true;
    CHECK(served(*echo, client));
    echo->server().sweep();
    echo->turn();
    CHECK(echo->handshakesFailed == 1);
    CHECK(echo->handshakeFault.find("peer did not return a certificate") != std::string::npos);
    expectNothingHeld(*echo);
  }
}

TEST("a caller that does not ask for HTTP/2 is not served") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  for (const char* alpn : {"", "\x08http/1.1", "\x02hx"}) CHECK(!served(*echo, {alpn, false, 0}));
  CHECK(served(*echo, {"\x08http/1.1\x02h2", false, 0}));
  expectNothingHeld(*echo);
}

TEST("a certificate that has come since is for those who connect after it") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  bool replaced = false;
  const std::string said =
      http2::preface() + http2::call(1, "/t.T/Say", "a") + http2::call(3, "/t.T/Say", patterned(30'000));
  Talk how;
  how.step = 2'000;
  const std::string heard = talk(*echo, said, [&](const std::string& opened) {
    if (!replaced && http2::answers(opened).count(1) > 0) {
      replaced = true;
      echo->server().secure(context(*openssl(), true));
    }
    return http2::answers(opened)[3].size() > 30'000;
  }, how);
  CHECK(replaced);
  CHECK(http2::answers(heard)[3] == http2::message(patterned(30'000)));
  CHECK(!served(*echo, {}));
}

TEST("what is no certificate, or not its key, makes no context") {
  const ssl::Api* api = openssl();
  if (api == nullptr) return;
  TlsIdentity good;
  good.certificate = kTestCertificate;
  good.key = kTestKey;
  good.ciphers = "HIGH";
  std::string why;
  CHECK(TlsContext::server(*api, good, why) != nullptr);
  const auto fault = [&](const std::function<void(TlsIdentity&)>& spoil) {
    TlsIdentity bad = good;
    spoil(bad);
    why.clear();
    CHECK(TlsContext::server(*api, bad, why) == nullptr);
    return why;
  };
  CHECK(fault([](TlsIdentity& i) { i.certificate = "no PEM"; }).find("the certificate cannot") == 0);
  CHECK(fault([](TlsIdentity& i) { i.certificate = {}; }).find("the certificate cannot") == 0);
  CHECK(fault([](TlsIdentity& i) { i.key = kTestCertificate; }).find("the key cannot") == 0);
  CHECK(fault([](TlsIdentity& i) { i.clientCa = kTestKey; }).find("the authorities of callers cannot") == 0);
  CHECK(fault([](TlsIdentity& i) { i.ciphers = "NOTHING-OF-THE-KIND"; }).find("the ciphers cannot") == 0);
}

TEST("those who speak no TLS are cut off, and the first is told of with how many there were") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  std::mt19937 random(11);
  sayPlainly(*echo, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  sayPlainly(*echo, http2::preface() + http2::call(1, "/t.T/Say", "x"));
  for (int round = 0; round < 300; round++) {
    std::string noise(1 + random() % 3'000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    if (round % 3 == 0) noise.replace(0, std::min<size_t>(noise.size(), 3), "\x16\x03\x01");
    sayPlainly(*echo, noise);
  }
  sayPlainly(*echo, "");
  echo->server().sweep();
  echo->turn();
  CHECK(echo->handshakesFailed == 302);
  CHECK(echo->handshakeFault.find("127.0.0.1:") == 0);
  CHECK(echo->handshakeFault.find("http request") != std::string::npos);
  expectNothingHeld(*echo);
  CHECK(served(*echo, {}));
}

TEST("handshakes that end in the middle leave nothing behind") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  for (size_t cut = 0; cut < 700; cut += 7) {
    Talk how;
    how.turnsMax = 8;
    how.change = [cut](std::string& bytes, size_t sent) {
      bytes.resize(sent >= cut ? 0 : std::min(bytes.size(), cut - sent));
    };
    talk(*echo, http2::preface() + http2::call(1, "/t.T/Hold", "x"), turns(8), how);
  }
  expectNothingHeld(*echo);
  CHECK(served(*echo, {}));
}

TEST("bytes changed at random inside of TLS and around it harm nobody") {
  const auto echo = securedEcho(true);
  if (echo == nullptr) return;
  std::mt19937 random(5);
  const std::string good = http2::preface() + http2::call(1, "/t.T/Infer", patterned(40'000)) +
                           http2::headers(3, "/t.T/Chat") + http2::data(3, http2::message("a"), false);
  for (int round = 0; round < 150; round++) {
    std::string said = good;
    Talk how;
    how.client.certificate = true;
    how.client.maxVersion = round % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    how.step = 1 + random() % 20'000;
    how.turnsMax = 12;
    if (round % 4 < 3) {
      const size_t at = random() % 3'000;
      how.change = [&random, at](std::string& bytes, size_t sent) {
        if (at >= sent && at < sent + bytes.size()) bytes[at - sent] = static_cast<char>(random());
      };
    } else {
      said[24 + random() % (said.size() - 24)] = static_cast<char>(random());
    }
    talk(*echo, said, turns(10), how);
  }
  expectNothingHeld(*echo);
  CHECK(served(*echo, {"\x02h2", true, 0}));
}

TEST("a caller that sends without end before hands are shaken is cut off") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  std::string why;
  const int socket = connectTo("127.0.0.1", echo->port(), why);
  // Records of a handshake message that says it is 16 MB long.
  std::string record("\x16\x03\x01\x40\x00", 5);
  record += std::string("\x01\xff\xff\xff", 4) + std::string(16'380, 'x');
  ssize_t sent = 0;
  for (int i = 0; i < 200 && echo->server().connections() + (i < 3 ? 1 : 0) > 0; i++) {
    sent += std::max<ssize_t>(0, send(socket, record.data(), record.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    echo->turn();
  }
  CHECK(echo->server().connections() == 0);
  CHECK(sent < 1'000'000);
  close(socket);
}

TEST("a caller that has keys renewed again and again is answered on") {
  const auto echo = securedEcho();
  if (echo == nullptr) return;
  std::string why;
  tls::Client client(*openssl(), {});
  const int socket = connectTo("127.0.0.1", echo->port(), why);
  client.begin();
  for (int round = 0; round < 300 && http2::answers(client.opened).size() < 100; round++) {
    if (client.ready()) {
      const uint32_t call = static_cast<uint32_t>(2 * http2::answers(client.opened).size() + 1);
      client.renewKeys();
      client.say((call == 1 ? http2::preface() : "") + http2::call(call, "/t.T/Say", "x"));
    }
    const std::string bytes = client.sealed();
    send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    echo->turn();
    char chunk[65'536];
    const ssize_t got = recv(socket, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got > 0) client.heard(chunk, static_cast<size_t>(got));
  }
  CHECK(http2::answers(client.opened).size() == 100);
  close(socket);
  echo->turn();
}

MAIN_OF_TESTS
