#include "bundle/names.h"

#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("names: what is portable everywhere, and nothing else") {
  for (const char *name :
       {"a", "bundle.toml", "assets/a-b_c.1/X", "0", "_", "a..b", "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"}) {
    CHECK(good_name(name));
  }
  for (const char *name : {"",     "/",    "/a",       "a/",     "a//b",
                           ".",    "..",   "../a",     "a/../b", ".a",
                           "-a",   "a/-b", "a.",       "a./b",   "a b",
                           "a\\b", "C:a",  "\xc3\xa4", "a\n",    "a*",
                           "a?",   "a|b",  "a\"b",     "a<b",    "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"}) {
    CHECK_FALSE(good_name(name));
  }
  CHECK_FALSE(good_name(std::string_view("a\0b", 3)));
  CHECK(good_name(std::string(255, 'a')));
  CHECK_FALSE(good_name(std::string(256, 'a')));
}

TEST_CASE("names: one order of entries") {
  const std::vector<std::string> order{"format",
                                       "model/a.pt",
                                       "model/b.safetensors",
                                       "A",
                                       "assets/x",
                                       "bundle.toml",
                                       "history/locks/1.lock",
                                       "model/readme",
                                       "preprocess.lua",
                                       "bundle.lock",
                                       "bundle.sig"};
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t j = 0; j < order.size(); ++j) CHECK(canonical_less(order[i], order[j]) == (i < j));
  }
}

TEST_CASE("names: neighbours that some file system cannot hold") {
  NameSet names;
  CHECK(names.add("assets/a.txt").empty());
  CHECK(contains(names.add("assets/A.txt"), "case only"));
  CHECK(contains(names.add("assets"), "both a file and a folder"));
  CHECK(contains(names.add("assets/a.txt/b"), "assets/a.txt is both a file and a folder"));
  CHECK(names.add("assets2").empty());
}
