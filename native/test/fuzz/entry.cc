// One of the targets as a libFuzzer program: compiled once for each, with ROLLCALL_TARGET its function.

#include <cstdio>
#include <cstdlib>

#include "../harness.h"
#include "targets.h"

using namespace rollcall::test;

// Memory that was freed rests long enough to catch a use of it, and short enough to stay in the processor's cache.
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=4:malloc_context_size=6"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    ROLLCALL_TARGET(data, size);
  } catch (const Failure& failure) {
    fprintf(stderr, "FAILED: %s\n", failure.what.c_str());
    abort();
  }
  return 0;
}
