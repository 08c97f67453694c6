// How large the free axes of requests may be, as services/executor/src/engines/axis-limits.ts has it (decision 0042).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cb::link {

class AxisLimits {
 public:
  AxisLimits() = default;
  // `flat`: one limit behind the other, each as its measured size, its largest, 1 if that is stated, how many axes share it,
  // and which, counted over all axes of all inputs in order.
  explicit AxisLimits(const std::vector<double>& flat);

  // Whether these sizes, of all axes of all inputs in order, are taken.
  bool take(const std::vector<int64_t>& dims) const;

 private:
  struct Limit {
    double measured;
    double max;
    double perLog;  // what a logarithm more of it takes of what axes that grow together have; 0: nothing
    size_t firstPlace;
    size_t places;
  };

  std::vector<Limit> limits_;
  std::vector<size_t> places_;
  size_t sharing_ = 0;  // limits that are not stated
};

}  // namespace cb::link
