#include "http2/infer_head.h"

#include <string>

#include "check.h"

using namespace wire;

namespace {

std::string field(int number, const std::string& value) {
  std::string bytes(1, static_cast<char>((number << 3) | 2));
  size_t length = value.size();
  for (; length >= 0x80; length >>= 7) bytes.push_back(static_cast<char>(length | 0x80));
  bytes.push_back(static_cast<char>(length));
  return bytes + value;
}

bool split(const std::string& message, std::string& head, InferParts& parts) {
  return splitInferRequest(reinterpret_cast<const uint8_t*>(message.data()), message.size(), head, parts);
}

}  // namespace

TEST("the head is everything but id and tensors, in the order it came") {
  const std::string name = field(1, "mlp");
  const std::string input = field(5, "described");
  const std::string message = field(7, std::string(5'000, 'x')) + name + field(3, "id-7") + input;
  std::string head;
  InferParts parts;
  CHECK(split(message, head, parts));
  CHECK(head == name + input);
  CHECK(std::string(reinterpret_cast<const char*>(parts.id), parts.idBytes) == "id-7");
}

TEST("a head beyond the bound is not split") {
  std::string head;
  InferParts parts;
  CHECK(!split(field(5, std::string(kHeadMaxBytes + 1, 'x')), head, parts));
}

TEST("no prefix of a message reads beyond its end") {
  const std::string message = field(1, "mlp") + field(3, "id") + field(7, std::string(300, 'x'));
  for (size_t size = 0; size < message.size(); size++) {
    // Memory of exactly that size, so that the sanitizer sees a byte too many.
    const std::string cut(message.data(), size);
    std::string head;
    InferParts parts;
    split(cut, head, parts);
    CHECK(head.size() <= size);
  }
}

TEST("a head keeps its number, and a number changes hands once in a turn") {
  InferHeads heads;
  const InferHeads::Found first = heads.find("a");
  CHECK(first.fresh);
  CHECK(!heads.find("a").fresh);
  CHECK(heads.find("a").number == first.number);
  // Enough others to want every number.
  int denied = 0;
  for (int i = 0; i < 20'000; i++)
    if (heads.find("other " + std::to_string(i)).number < 0) denied++;
  CHECK(denied > 0);
  CHECK(heads.head(static_cast<size_t>(first.number)) == "a");
  heads.turn();
  int taken = 0;
  for (int i = 0; i < 20'000; i++)
    if (heads.find("more " + std::to_string(i)).number == first.number) taken++;
  CHECK(taken == 1);
  heads.turn();
  CHECK(heads.find("a").fresh);
}

MAIN_OF_TESTS
