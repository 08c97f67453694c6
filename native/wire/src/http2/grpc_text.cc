#include "http2/grpc_text.h"

namespace wire {

namespace {

constexpr size_t kDigitsMax = 8;

double unitMs(char unit) {
  switch (unit) {
    case 'H': return 3'600'000;
    case 'M': return 60'000;
    case 'S': return 1'000;
    case 'm': return 1;
    case 'u': return 1e-3;
    case 'n': return 1e-6;
    default: return 0;
  }
}

}  // namespace

std::optional<double> parseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  const double unit = unitMs(text.back());
  if (unit == 0) return std::nullopt;
  double value = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  return value * unit;
}

std::string percentEncode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace wire
