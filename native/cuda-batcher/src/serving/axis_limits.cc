#include "serving/axis_limits.h"

#include <algorithm>
#include <cmath>

namespace cb::link {

namespace {

// Rounding may be off by so much.
constexpr double kTogetherMax = 1 + 1e-9;

}  // namespace

AxisLimits::AxisLimits(const std::vector<double>& flat) {
  for (size_t at = 0; at + 4 <= flat.size();) {
    const bool stated = flat[at + 2] != 0;
    const size_t places = std::min(static_cast<size_t>(flat[at + 3]), flat.size() - at - 4);
    limits_.push_back({flat[at], flat[at + 1], stated ? 0 : 1 / std::log(flat[at + 1] / flat[at]), places_.size(), places});
    for (size_t i = 0; i < places; i++) places_.push_back(static_cast<size_t>(flat[at + 4 + i]));
    if (!stated) sharing_++;
    at += 4 + places;
  }
}

bool AxisLimits::take(const std::vector<int64_t>& dims) const {
  double share = 0;
  for (const Limit& limit : limits_) {
    int64_t largest = 0;
    for (size_t i = 0; i < limit.places; i++) {
      const size_t place = places_[limit.firstPlace + i];
      if (place < dims.size()) largest = std::max(largest, dims[place]);
    }
    const auto size = static_cast<double>(largest);
    if (size > limit.max) return false;
    // One that shares with no other was looked at.
    if (sharing_ > 1 && limit.perLog != 0 && size > 0 && size != limit.measured)
      share += limit.perLog * std::log(size / limit.measured);
  }
  return share <= kTogetherMax;
}

}  // namespace cb::link
