// Memory that runs out while a text is cut: a bad_alloc, after which the tokenizer is as it was.
#include <cstdlib>
#include <new>

#include "catch.h"
#include "tokenizer.h"

namespace {
constexpr long never = -1;
long until_failure = never;  // allocations that still succeed; the next one then fails
}  // namespace

void *operator new(std::size_t size) {
  if (until_failure != never && until_failure-- == 0) throw std::bad_alloc();
  if (void *p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {  // the same memory: delete is one for both
  try {
    return operator new(size);
  } catch (const std::bad_alloc &) { return nullptr; }
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, std::size_t) noexcept { std::free(p); }

TEST_CASE("any allocation of a text's cutting may fail") {
  constexpr const char *json = R"({"pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordPiece",
      "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2}}})";
  bool failed = true;
  for (long from = 0; failed; ++from) {
    const text::Tokenizer tokenizer(json);
    until_failure = from;
    try {
      tokenizer.encode("a b a", {});
      failed = until_failure == never;  // the one that failed was caught inside
    } catch (const std::bad_alloc &) {}
    until_failure = never;
    REQUIRE(tokenizer.encode("a b a", {}) == std::vector<int64_t>{1, 2, 1});
  }
}
