// One of the targets as a libFuzzer program: compiled once for each, with ROLLCALL_TARGET its function.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../harness.h"
#include "targets.h"

using namespace rollcall::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    ROLLCALL_TARGET(data, size);
  } catch (const Failure& failure) {
    fprintf(stderr, "FAILED: %s\n", failure.what.c_str());
    abort();
  }
  return 0;
}

#ifdef ROLLCALL_SIGNS
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Chance does not find checksums. One input in eight keeps its wrong one.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const size_t mutated = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 != 0) SignHeaderInput(data, mutated);
  return mutated;
}
#endif
