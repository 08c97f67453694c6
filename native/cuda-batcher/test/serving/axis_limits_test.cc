#include "serving/axis_limits.h"

#include "check.h"

using cb::link::AxisLimits;

TEST("without limits every size is taken") {
  CHECK(AxisLimits().take({1, 1 << 30}));
}

TEST("an axis is taken up to its limit, wherever it stands") {
  const AxisLimits limits({64, 4'096, 0, 2, 1, 3});
  CHECK(limits.take({8, 4'096, 8, 4'096}));
  CHECK(limits.take({100'000, 1, 100'000, 1}));
  CHECK(!limits.take({8, 4'097, 8, 64}));
  CHECK(!limits.take({8, 64, 8, 4'097}));
  CHECK(limits.take({8, 64}));
}

TEST("axes share what each may grow by alone, and one below its measured size leaves more to the other") {
  const AxisLimits limits({100, 10'000, 0, 1, 2, 100, 10'000, 0, 1, 3});
  CHECK(limits.take({1, 3, 10'000, 100}));
  CHECK(limits.take({1, 3, 1'000, 1'000}));
  CHECK(!limits.take({1, 3, 1'001, 1'000}));
  CHECK(!limits.take({1, 3, 10'000, 101}));
  CHECK(limits.take({1, 3, 10'000, 10}));
  CHECK(!limits.take({1, 3, 10'001, 1}));
}

TEST("a stated limit holds whatever the other axes are") {
  const AxisLimits limits({100, 10'000, 1, 1, 0, 100, 10'000, 0, 1, 1});
  CHECK(limits.take({10'000, 10'000}));
  CHECK(!limits.take({10'001, 1}));
}

TEST("a list that is cut off names no axis beyond its end") {
  CHECK(AxisLimits({64, 128, 0, 9, 0}).take({128}));
  CHECK(!AxisLimits({64, 128, 0, 9, 0}).take({129}));
  CHECK(AxisLimits({64, 128, 0}).take({129}));
}

MAIN_OF_TESTS
