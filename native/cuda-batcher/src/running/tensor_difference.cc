#include "running/tensor_difference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace cb {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Distance of two neighbours, at most, relative to them.
constexpr double kHalfStep = 1.0 / 1024;
constexpr double kBfloatStep = 1.0 / 128;

// Calls `see(read)` where read(data, index) gives element `index` as a number.
template <typename Element, typename Number, typename See>
void asNumbers(Number number, See see) {
  see(sizeof(Element), [number](const uint8_t* data, size_t index) {
    Element element;
    std::memcpy(&element, data + index * sizeof(Element), sizeof(Element));
    return number(element);
  });
}

double plain(double value) { return value; }

double ofHalf(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const double fraction = bits & 0x3ff;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 0x1f) return fraction == 0 ? sign * kInfinity : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

double ofBfloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return static_cast<double>(value);
}

// Whether the type was read as numbers.
template <typename See>
bool read(DType dtype, See see) {
  switch (dtype) {
    case DType::kFloat32: asNumbers<float>(plain, see); return true;
    case DType::kFloat64: asNumbers<double>(plain, see); return true;
    case DType::kFloat16: asNumbers<uint16_t>(ofHalf, see); return true;
    case DType::kBfloat16: asNumbers<uint16_t>(ofBfloat, see); return true;
    case DType::kBool:
    case DType::kUint8: asNumbers<uint8_t>(plain, see); return true;
    case DType::kInt8: asNumbers<int8_t>(plain, see); return true;
    case DType::kUint16: asNumbers<uint16_t>(plain, see); return true;
    case DType::kInt16: asNumbers<int16_t>(plain, see); return true;
    case DType::kUint32: asNumbers<uint32_t>(plain, see); return true;
    case DType::kInt32: asNumbers<int32_t>(plain, see); return true;
    case DType::kUint64: asNumbers<uint64_t>([](uint64_t value) { return static_cast<double>(value); }, see); return true;
    case DType::kInt64: asNumbers<int64_t>([](int64_t value) { return static_cast<double>(value); }, see); return true;
    case DType::kString: return false;
  }
  return false;
}

double apart(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double distance = std::abs(a - b);
  return std::isnan(distance) ? kInfinity : distance;
}

}  // namespace

double allowedDifference(double tolerance, DType dtype, double magnitude) {
  const double step = dtype == DType::kFloat16 ? kHalfStep : dtype == DType::kBfloat16 ? kBfloatStep : 0;
  return std::max(tolerance * std::max(1.0, magnitude), step * magnitude);
}

TensorDifference tensorDifference(DType dtype, const uint8_t* first, const uint8_t* second, size_t bytes) {
  TensorDifference found;
  if (bytes == 0) return found;
  if (std::memcmp(first, second, bytes) == 0 && dtype == DType::kString) return found;
  const bool numbers = read(dtype, [&](size_t elementBytes, auto at) {
    for (size_t i = 0; i < bytes / elementBytes; i++) {
      const double a = at(first, i);
      found.largest = std::max(found.largest, apart(a, at(second, i)));
      if (std::isfinite(a)) found.magnitude = std::max(found.magnitude, std::abs(a));
    }
  });
  if (!numbers) found.largest = kInfinity;
  return found;
}

bool holdsNaN(DType dtype, const uint8_t* data, size_t bytes) {
  bool found = false;
  read(dtype, [&](size_t elementBytes, auto at) {
    for (size_t i = 0; i < bytes / elementBytes && !found; i++) found = std::isnan(at(data, i));
  });
  return found;
}

}  // namespace cb
