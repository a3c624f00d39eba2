// A file of its own, because the fuzzers bring their own main() and use the rest.

#include "harness.h"

int main(int argc, char** argv) { return rollcall::test::Main(argc, argv); }
