// A quantile of a stream, followed on line in one number: each value above it lifts it by a large step, each below lowers
// it by a small one, so that it comes to rest where the shares of both balance (stochastic approximation, Robbins and
// Monro 1951). Unlike a mean plus deviations it says what it is used for: how many will be later than that.
#pragma once

#include <algorithm>

namespace cb {

class QuantileTrack {
 public:
  // Follows the value that a `share` of the stream does not exceed, between `least` and `most`. `step` is how far one
  // value above moves it.
  QuantileTrack(double share, double step, double least, double most)
      : share_(share), step_(step), least_(least), most_(most), value_(least) {}

  void observe(double value) {
    const double move = value > value_ ? share_ : share_ - 1;
    value_ = std::clamp(value_ + step_ * move, least_, most_);
  }
  double value() const { return value_; }

 private:
  double share_;
  double step_;
  double least_;
  double most_;
  double value_;
};

}  // namespace cb
