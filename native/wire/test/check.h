// The whole test harness: TEST("name") { ... } registers, CHECK records. An executable runs all its tests, or the one
// whose name it is given (CMake registers each with ctest under its own name).
#pragma once

#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline int failures = 0;

struct Registration {
  Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

inline int run(int count, char** arguments) {
  int ran = 0;
  for (const Test& test : tests()) {
    if (count > 1 && std::strcmp(arguments[1], test.name) != 0) continue;
    ran++;
    try {
      test.body();
    } catch (const std::exception& error) {
      failures++;
      std::printf("%s: threw %s\n", test.name, error.what());
    }
  }
  std::printf("%d tests, %d failed checks\n", ran, failures);
  return ran > 0 && failures == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN2(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN2(a, b)
#define TEST(name)                                                                                     \
  static void CHECK_JOIN(body, __LINE__)();                                                            \
  static const check::Registration CHECK_JOIN(registration, __LINE__)(name, CHECK_JOIN(body, __LINE__)); \
  static void CHECK_JOIN(body, __LINE__)()
#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      check::failures++;                                                          \
      std::printf("%s:%d: %s is false\n", __FILE__, __LINE__, #condition);        \
    }                                                                             \
  } while (false)
#define MAIN_OF_TESTS \
  int main(int count, char** arguments) { return check::run(count, arguments); }
