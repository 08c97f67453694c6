#include "http2/credentials.h"

#include <string>

#include "check.h"

using namespace wire;

namespace {

Presented token(const std::string& value) { return {true, value}; }

struct Fixture {
  Events events;
  Credentials credentials{events};
  Credentials::Known known;
};

}  // namespace

TEST("what came before has the number it had, and what differs another one") {
  Fixture f;
  const int32_t a = f.credentials.take(f.known, token("a"));
  const int32_t b = f.credentials.take(f.known, token("b"));
  CHECK(a != b);
  CHECK(f.credentials.take(f.known, token("a")) == a);
  CHECK(f.credentials.take(f.known, token("")) != f.credentials.take(f.known, Presented{}));
  CHECK(f.credentials.count() == 4);
}

TEST("the same on another connection has another number") {
  Fixture f;
  Credentials::Known other;
  CHECK(f.credentials.take(f.known, token("a")) != f.credentials.take(other, token("a")));
}

TEST("what was admitted holds for that method until it is asked anew") {
  Fixture f;
  const int32_t a = f.credentials.take(f.known, token("a"));
  CHECK(!f.credentials.admits(a, 3));
  f.credentials.admit(a, 3);
  CHECK(f.credentials.admits(a, 3));
  CHECK(!f.credentials.admits(a, 4));
  f.credentials.askAnew();
  CHECK(!f.credentials.admits(a, 3));
  f.credentials.admit(a, 4);
  CHECK(!f.credentials.admits(a, 3));
  f.credentials.admit(a, 100'000);
  CHECK(!f.credentials.admits(a, 100'000));
}

TEST("a connection keeps those used last, and a number in use is not given anew") {
  Fixture f;
  const int32_t held = f.credentials.take(f.known, token("held"));
  for (int round = 0; round < 5; round++) {
    for (size_t i = 0; i < 4 * kCredentialsMax; i++) {
      const int32_t number = f.credentials.take(f.known, token("t" + std::to_string(i)));
      CHECK(number != held);
      f.credentials.release(number);
    }
  }
  CHECK(f.known.size() == kCredentialsMax);
  CHECK(f.credentials.count() == kCredentialsMax + 1);
  f.credentials.release(held);
  CHECK(f.credentials.count() == kCredentialsMax);
  CHECK(f.events.back().kind == EventKind::kForgotten && f.events.back().subject == held);
  f.credentials.clear(f.known);
  CHECK(f.credentials.count() == 0);
}

TEST("what is too long is not remembered") {
  Fixture f;
  const Presented longest = token(std::string(kCredentialMaxBytes, 'x'));
  const Presented longer = token(std::string(kCredentialMaxBytes + 1, 'x'));
  const int32_t a = f.credentials.take(f.known, longest);
  CHECK(f.credentials.take(f.known, longest) == a);
  const int32_t b = f.credentials.take(f.known, longer);
  CHECK(f.credentials.take(f.known, longer) != b);
  CHECK(f.known.size() == 1);
}

TEST("what was refused is not remembered, unless something else was let by it") {
  Fixture f;
  const int32_t bad = f.credentials.take(f.known, token("bad"));
  f.credentials.disown(f.known, bad);
  CHECK(f.known.empty());
  f.credentials.disown(f.known, bad);
  f.credentials.release(bad);
  const int32_t good = f.credentials.take(f.known, token("good"));
  f.credentials.admit(good, 1);
  f.credentials.disown(f.known, good);
  CHECK(f.known.size() == 1);
}

MAIN_OF_TESTS
