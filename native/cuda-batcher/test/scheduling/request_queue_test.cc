#include "scheduling/request_queue.h"

#include <memory>

#include <algorithm>
#include <cmath>

#include "check.h"

using namespace cb;

namespace {

struct Requests {
  std::vector<std::unique_ptr<Request>> all;
  Request* make(int32_t lane, double arrivalMs, double deadlineMs, int32_t rows = 1) {
    all.push_back(std::make_unique<Request>());
    Request* request = all.back().get();
    request->lane = lane;
    request->arrivalMs = arrivalMs;
    request->deadlineMs = deadlineMs;
    request->rows = rows;
    request->bytes = 10;
    return request;
  }
};

}  // namespace

TEST("requests come by lane, then deadline, then arrival") {
  Requests make;
  RequestQueue queue(2, 100, 1000, 1000);
  Request* low = make.make(1, 0, 1);
  Request* late = make.make(0, 1, kNoDeadline);
  Request* soon = make.make(0, 2, 50);
  Request* later = make.make(0, 3, kNoDeadline);
  for (Request* request : {low, late, soon, later}) queue.push(request);
  std::vector<Request*> front;
  queue.front(4, 10, front);
  CHECK((front == std::vector<Request*>{soon, late, later, low}));
  queue.front(4, 2, front);
  CHECK((front == std::vector<Request*>{soon, late}));
}

TEST("the late ones are those of any lane whose deadline has passed") {
  Requests make;
  RequestQueue queue(2, 100, 1000, 1000);
  Request* low = make.make(1, 0, 5);
  Request* first = make.make(0, 1, 6);
  Request* second = make.make(0, 2, 7);
  for (Request* request : {low, make.make(0, 3, kNoDeadline), second, first}) queue.push(request);
  std::vector<Request*> late;
  queue.late(4, 10, late);
  CHECK(late.empty());
  queue.late(7, 10, late);
  CHECK((late == std::vector<Request*>{first, second, low}));
  late.clear();
  queue.late(7, 1, late);
  CHECK((late == std::vector<Request*>{first}));
}

TEST("the nearest deadline from a time on is found in any lane") {
  Requests make;
  RequestQueue queue(2, 1000, 100'000, 1000);
  CHECK(queue.firstDeadlineMs(0) == kNoDeadline);
  for (int i = 0; i < 200; i++) queue.push(make.make(i % 2, 0, 10 * ((i * 37) % 200)));
  queue.push(make.make(0, 0, kNoDeadline));
  for (double fromMs = -5; fromMs <= 1990; fromMs += 5) {
    CHECK(queue.firstDeadlineMs(fromMs) == std::max(0.0, 10 * std::ceil(fromMs / 10)));
  }
  CHECK(queue.firstDeadlineMs(1991) == kNoDeadline);
}

TEST("rows and bytes bound the queue") {
  Requests make;
  RequestQueue queue(1, 5, 25, 1000);
  CHECK(queue.hasRoom(5, 25));
  CHECK(!queue.hasRoom(6, 1));
  queue.push(make.make(0, 0, kNoDeadline, 4));
  CHECK(queue.hasRoom(1, 15));
  CHECK(!queue.hasRoom(2, 1));
  CHECK(!queue.hasRoom(1, 16));
}

TEST("a removed request leaves no trace") {
  Requests make;
  RequestQueue queue(1, 10, 1000, 1000);
  std::vector<Request*> all;
  for (int i = 0; i < 5; i++) {
    all.push_back(make.make(0, i, kNoDeadline));
    queue.push(all.back());
  }
  for (const size_t i : {size_t{2}, size_t{0}, size_t{4}, size_t{1}, size_t{3}}) queue.remove(all[i]);
  CHECK(queue.empty() && queue.bytes() == 0);
}

TEST("a low lane is let in now and then once it has waited long") {
  Requests make;
  RequestQueue queue(2, 100, 1000, 100);
  Request* low = make.make(1, 0, kNoDeadline);
  Request* high = make.make(0, 150, kNoDeadline);
  queue.push(low);
  queue.push(high);
  std::vector<Request*> front;
  queue.front(150, 10, front);
  CHECK(front[0] == high);
  queue.served(8, false);
  queue.front(50, 10, front);
  CHECK(front[0] == high);
  queue.front(150, 10, front);
  CHECK(front[0] == low && front[1] == high && front.size() == 2);
  queue.served(1, true);
  queue.front(150, 10, front);
  CHECK(front[0] == high);
}

TEST("order holds through any mixture of joining and leaving") {
  RequestQueue queue(1, 1 << 20, 1 << 20, 1000);
  std::vector<Request> requests(2000);
  std::vector<Request*> in;
  uint64_t draw = 1;
  const auto next = [&] { return (draw = draw * 6364136223846793005 + 1442695040888963407) >> 33; };
  for (Request& request : requests) {
    request.deadlineMs = next() % 4 == 0 ? kNoDeadline : static_cast<double>(next() % 300);
    queue.push(&request);
    in.push_back(&request);
    for (int leave = static_cast<int>(next() % 2); leave > 0 && !in.empty(); leave--) {
      const size_t at = next() % in.size();
      queue.remove(in[at]);
      in.erase(in.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  std::stable_sort(in.begin(), in.end(), [](const Request* a, const Request* b) { return a->deadlineMs < b->deadlineMs; });
  std::vector<Request*> out;
  queue.front(0, in.size() + 1, out);
  CHECK(out == in);
  CHECK(queue.rows() == static_cast<int64_t>(in.size()));
  CHECK(queue.backlog().lastDeadlineMs == in.back()->deadlineMs);
  for (Request* request : in) queue.remove(request);
  CHECK(queue.empty());
}

MAIN_OF_TESTS
