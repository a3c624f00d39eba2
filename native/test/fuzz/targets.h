// What the fuzzers call with each input, and what the native tests call with inputs that once failed.
// A broken promise is a failed CHECK; memory and undefined behaviour are for the sanitizers to see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rollcall::test {

// A header, and how long its file is. Input: what is put right about it, 8 bytes of length, then the first bytes of
// the file. See header_target.cc.
void FuzzHeader(const uint8_t* data, size_t size);

// A board under a hostile hand: a program of bytes written and calls made. See board_target.cc.
void FuzzBoard(const uint8_t* data, size_t size);

// The same programs, but only what reads, on a board that is open already.
void FuzzSlots(const uint8_t* data, size_t size);

// Inputs to begin with, made from real boards.
struct Seed {
  std::string name;
  std::vector<uint8_t> bytes;
};
std::vector<Seed> HeaderSeeds();
std::vector<Seed> BoardSeeds();

}  // namespace rollcall::test
