#include "scheduling/latency_table.h"

#include <cmath>
#include <limits>

#include "check.h"

using namespace cb;

namespace {
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
bool near(double a, double b) { return std::abs(a - b) < 1e-9; }
}  // namespace

TEST("without a seed nothing is known") {
  const LatencyTable table(4, 1, {});
  for (const double ms : table.meanMs()) CHECK(ms == 0);
}

TEST("a sparse seed is joined by straight lines and extended proportionally") {
  const LatencyTable table(8, 1, {2, kNone, kNone, 8});
  CHECK(near(table.meanMs()[1], 2));
  CHECK(near(table.meanMs()[2], 4));
  CHECK(near(table.meanMs()[3], 6));
  CHECK(near(table.meanMs()[4], 8));
  CHECK(near(table.meanMs()[8], 16));
}

TEST("measurements pull a size towards what is measured") {
  LatencyTable table(2, 1, {10, 20});
  for (int i = 0; i < 50; i++) table.observe(1, 0, 15);
  CHECK(std::abs(table.meanMs()[1] - 15) < 0.1);
}

TEST("a machine slower than the profile corrects sizes never run") {
  LatencyTable table(2, 1, {10, 20});
  for (int i = 0; i < 50; i++) table.observe(1, 0, 20);
  CHECK(std::abs(table.meanMs()[2] - 40) < 1);
}

TEST("forgetting leaves the profile alone") {
  LatencyTable table(2, 2, {10, 20});
  for (int i = 0; i < 50; i++) table.observe(1, i % 2, i % 10 == 0 ? 90 : 20);
  CHECK(table.meanMs()[1] > 15 && table.safety() > 1);
  table.forget();
  CHECK(near(table.meanMs()[1], 10) && near(table.meanMs()[2], 20));
  CHECK(near(table.safety(), 1) && near(table.slowdown(1), 1));
}

TEST("one outlier moves the mean by a tenth") {
  LatencyTable table(1, 1, {});
  table.observe(1, 0, 10);
  table.observe(1, 0, 10000);
  CHECK(near(table.meanMs()[1], 11));
}

TEST("a bad moment of a size not run since no longer keeps it from being run") {
  LatencyTable table(4, 1, {});
  table.observe(2, 0, 10);
  for (int i = 0; i < 20; i++) table.observe(4, 0, 60);
  CHECK(table.meanMs()[4] > 20);
  for (int i = 0; i < 300; i++) table.observe(2, 0, 10);
  CHECK(near(table.meanMs()[4], 20));
}

TEST("what an old measurement gained by batching is kept") {
  LatencyTable table(4, 1, {});
  table.observe(2, 0, 10);
  table.observe(4, 0, 12);
  for (int i = 0; i < 300; i++) table.observe(2, 0, 10);
  CHECK(near(table.meanMs()[4], 12));
}

TEST("latencies never fall with the rows") {
  LatencyTable table(4, 1, {});
  table.observe(1, 0, 10);
  table.observe(4, 0, 5);
  for (size_t rows = 1; rows < 4; rows++) CHECK(table.meanMs()[rows] <= table.meanMs()[rows + 1]);
}

TEST("steady runs need no safety, jittery ones as much as covers nearly all") {
  LatencyTable steady(1, 1, {});
  LatencyTable jittery(1, 1, {});
  for (int i = 0; i < 1000; i++) {
    steady.observe(1, 0, 10);
    jittery.observe(1, 0, i % 2 == 0 ? 8 : 12);
  }
  CHECK(near(steady.safety(), 1));
  CHECK(jittery.safety() > 1.15 && jittery.safety() < 1.4);
}

TEST("one run in a thousand that hangs costs no lasting safety") {
  LatencyTable table(1, 1, {});
  for (int i = 0; i < 2000; i++) table.observe(1, 0, i % 1000 == 500 ? 100 : 10);
  CHECK(table.safety() < 1.05);
}

TEST("what runs beside other batches has its own pace, and says nothing of a batch alone") {
  LatencyTable table(2, 2, {10, 20});
  for (int i = 0; i < 400; i++) {
    table.observe(1, 0, 10);
    table.observe(1, 1, 14);
  }
  CHECK(std::abs(table.meanMs()[1] - 10) < 0.5);
  CHECK(std::abs(table.slowdown(1) - 1.4) < 0.07);
  CHECK(table.slowdown(0) == 1);
}

MAIN_OF_TESTS
