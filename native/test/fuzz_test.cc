// What the fuzzers begin with, and what once failed them: so that no one has to fuzz to see it again.
// A new failure's input goes into fuzz/regressions/, named for what it did.

#include <dirent.h>

#include <cstdio>

#include "fixture.h"
#include "fuzz/targets.h"

namespace rollcall::test {
namespace {

using Target = void (*)(const uint8_t* data, size_t size);

std::vector<Seed> Regressions(const std::string& target) {
  const std::string directory = std::string(ROLLCALL_TEST_DIRECTORY) + "/fuzz/regressions/" + target;
  std::vector<Seed> inputs;
  DIR* stream = opendir(directory.c_str());
  CHECK(stream != nullptr);
  while (const dirent* entry = readdir(stream)) {
    if (entry->d_name[0] == '.') continue;
    FILE* file = fopen((directory + "/" + entry->d_name).c_str(), "rb");
    CHECK(file != nullptr);
    std::vector<uint8_t> bytes(64 * 1024);
    bytes.resize(fread(bytes.data(), 1, bytes.size(), file));
    fclose(file);
    inputs.push_back({entry->d_name, bytes});
  }
  closedir(stream);
  return inputs;
}

void Feed(Target target, const std::vector<Seed>& inputs) {
  CHECK(!inputs.empty());
  for (const Seed& input : inputs) {
    try {
      target(input.bytes.data(), input.bytes.size());
    } catch (const Failure& failure) {
      throw Failure{"input " + input.name + ": " + failure.what};
    }
  }
}

// An input and all its beginnings: what a fuzzer tries first.
std::vector<Seed> CutShort(const std::vector<Seed>& inputs) {
  std::vector<Seed> cut;
  for (const Seed& input : inputs) {
    for (size_t size = 0; size < input.bytes.size(); size += input.bytes.size() / 16 + 1) {
      cut.push_back({input.name, std::vector<uint8_t>(input.bytes.begin(), input.bytes.begin() + size)});
    }
  }
  return cut;
}

TEST("headers of real boards, whole and cut short, break no promise") {
  Feed(FuzzHeader, HeaderSeeds());
  Feed(FuzzHeader, CutShort(HeaderSeeds()));
}

TEST("boards under a hostile hand break no promise") {
  Feed(FuzzBoard, BoardSeeds());
  Feed(FuzzBoard, CutShort(BoardSeeds()));
  Feed(FuzzSlots, BoardSeeds());
}

TEST("what once failed a fuzzer does not fail it again") {
  Feed(FuzzHeader, Regressions("header"));
  Feed(FuzzBoard, Regressions("board"));
  Feed(FuzzSlots, Regressions("slots"));
}

}  // namespace
}  // namespace rollcall::test
