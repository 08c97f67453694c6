// The texts of gRPC over HTTP/2: timeouts and status messages (grpc/doc/PROTOCOL-HTTP2.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wire {

// Milliseconds of a grpc-timeout value: one to eight digits and a unit of H M S m u n. Nothing when it is none.
std::optional<double> parseTimeout(std::string_view text);

// Bytes outside of printable ASCII, and the percent sign, as %XX.
std::string percentEncode(std::string_view text);

}  // namespace wire
