// Runs the tests: all of them, or those whose sentence contains the program's argument and none of the words that
// follow a `--without`.

#include "harness.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
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

bool Has(const Test& test, const std::string& words) { return strstr(test.sentence, words.c_str()) != nullptr; }

// What to run: the tests whose sentences have some words and not others.
struct Choice {
  std::string words;
  std::vector<std::string> without;

  Choice(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
      const bool leaves_out = strcmp(argv[i], "--without") == 0 && i + 1 < argc;
      if (leaves_out) without.push_back(argv[++i]);
      else words = argv[i];
    }
  }
  bool Includes(const Test& test) const {
    const auto has = [&](const std::string& some) { return Has(test, some); };
    return has(words) && std::none_of(without.begin(), without.end(), has);
  }
  // Words that leave out nothing have outlived their test.
  bool IsOutdated(const std::string& some) const {
    return std::none_of(Tests().begin(), Tests().end(), [&](const Test& test) { return Has(test, some); });
  }
};

int RunTests(const Choice& choice) {
  int passed = 0, failed = 0;
  for (const std::string& words : choice.without) {
    if (!choice.IsOutdated(words)) continue;
    fprintf(stderr, "FAILED: no test to leave out for '%s'\n", words.c_str());
    failed++;
  }
  for (const Test& test : Tests()) {
    if (!choice.Includes(test)) continue;
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

void Fail(const char* file, int line, const std::string& what) {
  throw Failure{std::string(file) + ":" + std::to_string(line) + ": " + what};
}

void FailCheck(const char* file, int line, const char* condition) {
  Fail(file, line, std::string("not true: ") + condition);
}

static uint64_t random_state;

void SeedRandom(uint64_t seed) { random_state = seed; }

// SplitMix64 (Steele, Lea and Flood, 2014).
uint64_t Random() {
  random_state += 0x9e3779b97f4a7c15;
  uint64_t mixed = random_state;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  return mixed ^ mixed >> 31;
}

// What a worker becomes that calls exec: a program that knows no board and waits to be killed.
static constexpr char kPauseArgument[] = "--pause";

int Main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], kPauseArgument) == 0) {
    for (;;) pause();
  }
  const uint64_t seed = Seed();
  SeedRandom(seed);
  printf("%s (ROLLCALL_SEED=%llu)\n", argv[0], static_cast<unsigned long long>(seed));
  fflush(stdout);
  signal(SIGALRM, OnHang);
  signal(SIGXFSZ, SIG_IGN);  // as Node does
  return RunTests(Choice(argc, argv));
}

}  // namespace rollcall::test
