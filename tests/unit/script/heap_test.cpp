// The memory of a Lua state by itself: blocks of all sizes that grow, shrink and go, and what is counted of them.
#include "script/vm/heap.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "catch.h"

using namespace mrun;

TEST_CASE("Blocks keep their bytes wherever they move, and every byte is counted") {
  Heap heap;
  std::mt19937 random(29);
  struct Block {
    char *bytes = nullptr;
    std::string wanted;
  };
  std::vector<Block> blocks(500);
  int64_t used = 0;
  for (int i = 0; i < 100'000; ++i) {
    Block &b = blocks[random() % blocks.size()];
    const size_t before = b.wanted.size(), most = random() % 8 == 0 ? 5000 : 280;
    const size_t size = random() % 3 == 0 ? 0 : 1 + random() % most;
    b.bytes = static_cast<char *>(Heap::allocate(&heap, b.bytes, before, size));
    REQUIRE((b.bytes != nullptr) == (size > 0));
    REQUIRE(std::string(b.bytes == nullptr ? "" : std::string(b.bytes, std::min(before, size))) ==
            b.wanted.substr(0, size));
    b.wanted.assign(size, static_cast<char>('a' + random() % 26));
    if (size > 0) std::memcpy(b.bytes, b.wanted.data(), size);
    used += static_cast<int64_t>(size) - static_cast<int64_t>(before);
    REQUIRE(heap.used == used);
  }
  for (const Block &b : blocks) {
    CHECK(std::string(b.bytes, b.wanted.size()) == b.wanted);
    Heap::allocate(&heap, b.bytes, b.wanted.size(), 0);
  }
  CHECK(heap.used == 0);
}

TEST_CASE("Beyond the limit nothing is given, and what there is stays") {
  Heap heap;
  heap.limit = 100;
  char *const block = static_cast<char *>(Heap::allocate(&heap, nullptr, 0, 100));
  std::memset(block, 7, 100);
  CHECK(Heap::allocate(&heap, nullptr, 0, 1) == nullptr);
  CHECK(Heap::allocate(&heap, block, 100, 101) == nullptr);
  CHECK(heap.refused);
  CHECK(heap.used == 100);
  CHECK(block[99] == 7);
  Heap::allocate(&heap, block, 100, 0);
  CHECK(Heap::allocate(&heap, nullptr, 0, 0) == nullptr);
}
