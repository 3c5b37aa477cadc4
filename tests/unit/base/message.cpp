#include <mrun/message.hpp>

#include <cstdint>

#include "catch.h"

using mrun::counted;
using mrun::shortened;

TEST_CASE("message: a count and its noun agree") {
  CHECK(counted(0, "row") == "0 rows");
  CHECK(counted(1, "row") == "1 row");
  CHECK(counted(2, "row") == "2 rows");
  CHECK(counted(1.0, "entry", "entries") == "1 entry");
  CHECK(counted(3.0, "entry", "entries") == "3 entries");
  CHECK(counted(UINT64_MAX, "byte") == "18446744073709551615 bytes");
  CHECK(counted(int64_t(-1), "byte") == "-1 bytes");
}

TEST_CASE("message: a text is cut between characters") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcd", 3) == "abc…");
  CHECK(shortened("aé", 2) == "a…");
  CHECK(shortened("éé", 2) == "é…");
  CHECK(shortened("é", 1) == "…");
  CHECK(shortened("", 0).empty());
}
