#include "process/slab_arena.h"

#include "check.h"

using namespace cb;

TEST("slabs are handed out once each and come back") {
  SlabArena arena(4096, 2);
  const int32_t a = arena.take();
  const int32_t b = arena.take();
  CHECK(a != b && a != kNoSlab && b != kNoSlab);
  CHECK(arena.take() == kNoSlab);
  CHECK(arena.taken() == 2);
  arena.giveBack(a);
  CHECK(arena.take() == a);
}

TEST("an arena without bytes has no slabs") {
  SlabArena arena(0, 4);
  CHECK(arena.take() == kNoSlab && arena.bytes() == 0);
}

TEST("scratch grows, is aligned, and is freed when it is larger than it should be") {
  Scratch scratch;
  CHECK(reinterpret_cast<uintptr_t>(scratch.atLeast(10)) % kAlignment == 0);
  uint8_t* large = scratch.atLeast(100000);
  large[99999] = 1;
  CHECK(scratch.atLeast(10) == large);
  scratch.atMost(200000);
  CHECK(scratch.atLeast(10) == large);
  scratch.atMost(50000);
  scratch.atLeast(100000)[99999] = 1;
}

MAIN_OF_TESTS
