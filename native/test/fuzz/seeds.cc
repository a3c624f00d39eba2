// Writes the seed corpora: seeds DIRECTORY fills DIRECTORY/header, DIRECTORY/board and DIRECTORY/slots.

#include <sys/stat.h>

#include <cstdio>

#include "../harness.h"
#include "targets.h"

using namespace rollcall::test;

static void WriteAll(const std::string& directory, const std::vector<Seed>& seeds) {
  mkdir(directory.c_str(), 0700);
  for (const Seed& seed : seeds) {
    FILE* file = fopen((directory + "/" + seed.name).c_str(), "wb");
    CHECK(file != nullptr);
    CHECK(fwrite(seed.bytes.data(), 1, seed.bytes.size(), file) == seed.bytes.size());
    CHECK(fclose(file) == 0);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: seeds DIRECTORY\n");
    return 64;
  }
  const std::string directory = argv[1];
  mkdir(directory.c_str(), 0700);
  try {
    WriteAll(directory + "/header", HeaderSeeds());
    WriteAll(directory + "/board", BoardSeeds());
    WriteAll(directory + "/slots", BoardSeeds());
  } catch (const Failure& failure) {
    fprintf(stderr, "%s\n", failure.what.c_str());
    return 1;
  }
  return 0;
}
