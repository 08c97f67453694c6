#include "serving/typed_contents.h"

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"

using namespace cb;
using link::readTyped;

namespace {

enum : int { kBools = 1, kInts = 2, kInt64s = 3, kUints = 4, kUint64s = 5, kFloats = 6, kDoubles = 7 };

void appendVarint(uint64_t value, std::string& to) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

std::string listOf(int field, const std::string& packed) {
  std::string contents(1, static_cast<char>(field << 3 | 2));
  appendVarint(packed.size(), contents);
  return contents + packed;
}

std::string varints(const std::vector<int64_t>& values) {
  std::string packed;
  for (const int64_t value : values) appendVarint(static_cast<uint64_t>(value), packed);
  return packed;
}

template <typename T>
std::string bytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

struct Read {
  bool fits = false;
  bool copied = false;
  std::string raw;
};

Read read(DType dtype, uint64_t elements, const std::string& contents) {
  RequestInput raw;
  wire::Bytes unpacked;
  const auto* bytes = reinterpret_cast<const uint8_t*>(contents.data());
  Read read;
  read.fits = readTyped(dtype, elements, bytes, contents.size(), raw, unpacked);
  if (!read.fits) return read;
  read.copied = raw.data < bytes || raw.data > bytes + contents.size();
  read.raw.assign(reinterpret_cast<const char*>(raw.data), raw.bytes);
  return read;
}

template <typename T>
void holdsLimits(DType dtype, int field) {
  const auto least = static_cast<int64_t>(std::numeric_limits<T>::min());
  const auto most = static_cast<int64_t>(std::numeric_limits<T>::max());
  const Read limits = read(dtype, 3, listOf(field, varints({least, most, 1})));
  CHECK(limits.fits && limits.copied);
  CHECK(limits.raw == bytesOf<T>({std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), 1}));
}

// One beyond each end of the type.
template <typename T>
void refusesMore(DType dtype, int field) {
  const int64_t above = int64_t{std::numeric_limits<T>::max()} + 1;
  const int64_t below = int64_t{std::numeric_limits<T>::min()} - 1;
  CHECK(!read(dtype, 1, listOf(field, varints({above}))).fits);
  CHECK(!read(dtype, 1, listOf(field, varints({below}))).fits);
}

}  // namespace

TEST("numbers of fixed size and truth values are read where they lie") {
  const Read floats = read(DType::kFloat32, 3, listOf(kFloats, bytesOf<float>({1.5f, -0.0f, 3e38f})));
  CHECK(floats.fits && !floats.copied);
  CHECK(floats.raw == bytesOf<float>({1.5f, -0.0f, 3e38f}));
  const Read doubles = read(DType::kFloat64, 2, listOf(kDoubles, bytesOf<double>({1e300, 2})));
  CHECK(doubles.fits && !doubles.copied && doubles.raw == bytesOf<double>({1e300, 2}));
  const Read truths = read(DType::kBool, 3, listOf(kBools, std::string("\0\1\1", 3)));
  CHECK(truths.fits && !truths.copied && truths.raw == std::string("\0\1\1", 3));
}

TEST("integers are unpacked, up to the limits of their type and no further") {
  holdsLimits<int8_t>(DType::kInt8, kInts);
  holdsLimits<int16_t>(DType::kInt16, kInts);
  holdsLimits<int32_t>(DType::kInt32, kInts);
  holdsLimits<int64_t>(DType::kInt64, kInt64s);
  holdsLimits<uint8_t>(DType::kUint8, kUints);
  holdsLimits<uint16_t>(DType::kUint16, kUints);
  holdsLimits<uint32_t>(DType::kUint32, kUints);
  refusesMore<int8_t>(DType::kInt8, kInts);
  refusesMore<int16_t>(DType::kInt16, kInts);
  refusesMore<int32_t>(DType::kInt32, kInts);
  refusesMore<uint8_t>(DType::kUint8, kUints);
  refusesMore<uint16_t>(DType::kUint16, kUints);
  refusesMore<uint32_t>(DType::kUint32, kUints);
  const Read largest = read(DType::kUint64, 1, listOf(kUint64s, varints({-1})));
  CHECK(largest.fits && largest.raw == bytesOf<uint64_t>({std::numeric_limits<uint64_t>::max()}));
}

TEST("what is no packed list of the type's own and of the right length is left to others") {
  const std::string floats = bytesOf<float>({1, 2});
  CHECK(read(DType::kFloat32, 2, listOf(kFloats, floats)).fits);
  CHECK(!read(DType::kFloat32, 3, listOf(kFloats, floats)).fits);
  CHECK(!read(DType::kFloat32, 1, listOf(kFloats, floats)).fits);
  CHECK(!read(DType::kFloat32, 2, listOf(kFloats, floats.substr(1))).fits);
  CHECK(!read(DType::kFloat32, 2, listOf(kDoubles, floats)).fits);
  CHECK(!read(DType::kFloat32, 2, listOf(kFloats, floats.substr(0, 4)) + listOf(kFloats, floats.substr(4))).fits);
  CHECK(!read(DType::kFloat32, 1, std::string("\x35", 1) + floats.substr(0, 4)).fits);  // not packed
  CHECK(!read(DType::kFloat32, 2, listOf(kFloats, floats).substr(0, 9)).fits);
  CHECK(!read(DType::kFloat32, 2, "").fits);
  CHECK(!read(DType::kFloat16, 2, listOf(kFloats, floats)).fits);
  CHECK(!read(DType::kString, 2, listOf(8, "ab")).fits);
  CHECK(!read(DType::kBool, 1, listOf(kBools, "\2")).fits);
  CHECK(!read(DType::kInt32, 2, listOf(kInts, varints({1, 2, 3}))).fits);
  CHECK(!read(DType::kInt32, 3, listOf(kInts, varints({1, 2}))).fits);
  CHECK(!read(DType::kInt32, 1, listOf(kInts, "\x80")).fits);
  CHECK(!read(DType::kInt64, 1, listOf(kInt64s, std::string(9, '\xff') + "\2")).fits);
  CHECK(!read(DType::kInt64, 1, listOf(kInt64s, std::string(10, '\x80') + std::string(1, '\0'))).fits);
}

TEST("no more integers are unpacked than may be, and no memory is taken for those that did not come") {
  const uint64_t most = link::kUnpackedElementsMax;
  const std::string packed(most + 1, '\1');
  CHECK(read(DType::kInt64, most, listOf(kInt64s, packed.substr(1))).fits);
  CHECK(!read(DType::kInt64, most + 1, listOf(kInt64s, packed)).fits);
  CHECK(!read(DType::kInt64, most, listOf(kInt64s, "\1")).fits);
  CHECK(read(DType::kBool, most + 1, listOf(kBools, packed)).fits);
}

MAIN_OF_TESTS
