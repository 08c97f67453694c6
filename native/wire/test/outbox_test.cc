#include "net/outbox.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "check.h"

using namespace wire;

namespace {

Piece held(size_t size, char with) {
  Piece piece = Piece::whole(BufferRef::make(size));
  std::memset(piece.owner.data(), with, size);
  return piece;
}

Flush flush(Outbox& outbox, int socket) {
  size_t budget = kWriteBudgetBytes;
  return outbox.flush(socket, budget);
}

}  // namespace

TEST("small parts and large ones arrive in order through a socket that takes little at a time") {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  const int small = 4 * 1024;
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  Outbox outbox;
  std::string expected;
  for (int i = 0; i < 300; i++) {
    const size_t size = i % 7 == 0 ? 50'000 : static_cast<size_t>(i) * 13;
    const char with = static_cast<char>('a' + i % 26);
    outbox.append(held(size, with));
    outbox.append("|", 1);
    expected += std::string(size, with) + "|";
  }
  CHECK(outbox.bytes() == expected.size());
  std::string got;
  bool blocked = false;
  while (got.size() < expected.size()) {
    const Flush flushed = flush(outbox, pair[0]);
    CHECK(flushed != Flush::kBroken);
    blocked = blocked || flushed == Flush::kBlocked;
    char chunk[3'000];
    const ssize_t count = read(pair[1], chunk, sizeof chunk);
    if (count <= 0) break;
    got.append(chunk, static_cast<size_t>(count));
  }
  CHECK(blocked);
  CHECK(got == expected);
  CHECK(flush(outbox, pair[0]) == Flush::kDone);
  close(pair[0]);
  close(pair[1]);
}

TEST("no more than a turn's budget is written, and the rest in later turns") {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  constexpr size_t kBudget = 10'000;
  Outbox outbox;
  outbox.append("head", 4);
  outbox.append(held(25'000, 'x'));
  size_t got = 0;
  for (size_t turn = 0; turn < 3; turn++) {
    size_t budget = kBudget;
    CHECK(outbox.flush(pair[0], budget) == (turn < 2 ? Flush::kBlocked : Flush::kDone));
    CHECK(budget == (turn < 2 ? 0 : 3 * kBudget - 25'004));
    char chunk[2 * kBudget];
    got += static_cast<size_t>(read(pair[1], chunk, sizeof chunk));
    CHECK(got == std::min((turn + 1) * kBudget, size_t{25'004}));
  }
  close(pair[0]);
  close(pair[1]);
}

TEST("bytes that are lent are given back once they were written, or are no longer wanted") {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  const int small = 4 * 1024;
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  std::string lent(100'000, 'x');
  int returned = 0;
  const auto lend = [&] {
    return Piece::whole(BufferRef::lend(
        reinterpret_cast<uint8_t*>(lent.data()), lent.size(), [](void* count) { ++*static_cast<int*>(count); }, &returned));
  };
  Outbox outbox;
  outbox.append(lend());
  size_t got = 0;
  while (flush(outbox, pair[0]) == Flush::kBlocked) {
    CHECK(returned == 0);
    char chunk[3'000];
    const ssize_t count = read(pair[1], chunk, sizeof chunk);
    if (count <= 0) break;
    got += static_cast<size_t>(count);
  }
  CHECK(returned == 1 && outbox.bytes() == 0 && got > 0);
  outbox.append(lend());
  outbox.clear();
  CHECK(returned == 2);
  close(pair[0]);
  close(pair[1]);
}

TEST("a peer that is gone breaks it") {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  close(pair[1]);
  Outbox outbox;
  outbox.append("x", 1);
  CHECK(flush(outbox, pair[0]) == Flush::kBroken);
  close(pair[0]);
}

MAIN_OF_TESTS
