// The smallest test harness that serves: a test is a sentence and a body, a failed check ends its
// test, the program ends with 'N passed, N failed' and with a nonzero code when one failed.
//
//   TEST("a reader never sees half a record") { ... }          runs in every build
//   PROCESS_TEST("a killed writer loses one write") { ... }    starts processes
//
// ThreadSanitizer sees one process and one mapping, so PROCESS_TESTs are not part of its build.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

namespace rollcall::test {

struct Failure {
  std::string what;
};

struct Registration {
  Registration(const char* sentence, void (*body)());
};

// The test programs' main().
int Main(int argc, char** argv);

// Different in each run, and printed, so that ROLLCALL_SEED=n repeats the random choices of one.
uint64_t Random();
void SeedRandom(uint64_t seed);

// A random number from `from` to `to`, both included.
inline uint64_t RandomBetween(uint64_t from, uint64_t to) { return from + Random() % (to - from + 1); }

template <typename T>
std::string Show(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<int64_t>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else {
    return value;
  }
}

[[noreturn]] void Fail(const char* file, int line, const std::string& what);
// Checks are everywhere: what each expands to is kept small, for the compiler's time.
[[noreturn]] void FailCheck(const char* file, int line, const char* condition);

template <typename A, typename B>
[[gnu::noinline]] void CheckEqual(const A& actual, const B& expected, const char* file, int line, const char* text) {
  if (actual == expected) return;
  Fail(file, line, std::string(text) + " is " + Show(actual) + ", expected " + Show(expected));
}

}  // namespace rollcall::test

#define ROLLCALL_JOIN2(a, b) a##b
#define ROLLCALL_JOIN(a, b) ROLLCALL_JOIN2(a, b)
#define ROLLCALL_TEST(sentence, body)                                      \
  static void body();                                                      \
  static const ::rollcall::test::Registration ROLLCALL_JOIN(body, _entry){sentence, body}; \
  static void body()

#define TEST(sentence) ROLLCALL_TEST(sentence, ROLLCALL_JOIN(TestAtLine, __LINE__))

#ifdef ROLLCALL_FENCE_FREE
#define PROCESS_TEST(sentence) [[maybe_unused]] static void ROLLCALL_JOIN(TestAtLine, __LINE__)()
#else
#define PROCESS_TEST(sentence) TEST(sentence)
#endif

#define CHECK(condition) \
  do {                   \
    if (!(condition)) ::rollcall::test::FailCheck(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(actual, expected) \
  ::rollcall::test::CheckEqual(actual, expected, __FILE__, __LINE__, #actual)

// For what returns a Status.
#define CHECK_CODE(status, expected) CHECK_EQ((status).code, expected)
#define CHECK_OK(status) CHECK_EQ((status).code, ::rollcall::Code::kOk)
