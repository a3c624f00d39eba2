// main() of the test programs. An argument runs only the tests whose sentence contains it.

#include "harness.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace rollcall::test {
namespace {

struct Test {
  const char* sentence;
  void (*body)();
};

// Behind a function: registrations run before main, in any order.
std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

const char* running = "";

// A test that hangs must say which it is. Far above what any machine needs: no mark to pass.
constexpr unsigned kHangSeconds = 300;

void OnHang(int) {
  const char before[] = "FAILED (hangs): ";
  (void)!write(2, before, sizeof before - 1);
  (void)!write(2, running, strlen(running));
  (void)!write(2, "\n", 1);
  _exit(1);
}

uint64_t Seed() {
  const char* wanted = getenv("ROLLCALL_SEED");
  return wanted != nullptr ? strtoull(wanted, nullptr, 10) : std::random_device{}();
}

bool Passes(const Test& test) {
  running = test.sentence;
  alarm(kHangSeconds);
  try {
    test.body();
    return true;
  } catch (const Failure& failure) {
    fprintf(stderr, "FAILED: %s\n  %s\n", test.sentence, failure.what.c_str());
    return false;
  }
}

int RunTests(const char* filter) {
  int passed = 0, failed = 0;
  for (const Test& test : Tests()) {
    if (strstr(test.sentence, filter) == nullptr) continue;
    if (Passes(test)) {
      passed++;
      printf("  ok  %s\n", test.sentence);
    } else {
      failed++;
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

Registration::Registration(const char* sentence, void (*body)()) { Tests().push_back({sentence, body}); }

std::mt19937_64& Random() {
  static std::mt19937_64 engine;
  return engine;
}

}  // namespace rollcall::test

// What a worker becomes that calls exec: a program that knows no board and waits to be killed.
static constexpr char kPauseArgument[] = "--pause";

int main(int argc, char** argv) {
  using namespace rollcall::test;
  if (argc > 1 && strcmp(argv[1], kPauseArgument) == 0) {
    for (;;) pause();
  }
  const uint64_t seed = Seed();
  Random().seed(seed);
  printf("%s (ROLLCALL_SEED=%llu)\n", argv[0], static_cast<unsigned long long>(seed));
  fflush(stdout);
  signal(SIGALRM, OnHang);
  signal(SIGXFSZ, SIG_IGN);  // as Node does
  return RunTests(argc > 1 ? argv[1] : "");
}
