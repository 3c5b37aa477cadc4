// Memory that runs out in C++: any allocation of a fiber may fail, and its state works on.
#include <cstdlib>
#include <new>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

thread_local long until_failure = -1;  // allocations of this thread that still succeed; negative: all

void *allocate(std::size_t size) {
  if (until_failure >= 0 && until_failure-- == 0) throw std::bad_alloc();
  if (void *p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}

// Whether an allocation of `run` failed, being the one behind `allocations` others.
template <class F>
bool fails_after(long allocations, F &&run) {
  until_failure = allocations;
  run();
  return std::exchange(until_failure, -1) < 0;
}

}  // namespace

// Of the whole test program; by default they do what the standard's do.
void *operator new(std::size_t size) { return allocate(size); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  try {
    return allocate(size);
  } catch (const std::bad_alloc &) { return nullptr; }
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, std::size_t) noexcept { std::free(p); }

TEST_CASE("A state works on after any allocation of a fiber has failed") {
  Script script(Script::body("local t = {} for i = 1, 5 do t[i] = input.a .. i end return {t, {a = {t}}}"));
  const Value input = parse_json("{\"a\": \"a text that is longer than a short string\"}");
  const std::string wanted = to_json(script.preprocess(input));
  bool failed = true;
  for (long n = 0; failed; ++n) {
    std::optional<Error> error;
    failed = fails_after(n, [&] {
      try {
        const auto fiber = script.start(Stage::preprocess, {input});
        if (fiber->resume() == Fiber::Status::failed) error = fiber->error();
      } catch (const std::bad_alloc &) { error.emplace(MRUN_MEMORY, ""); } catch (const Error &e) {
        error = e;
      }
    });
    INFO("allocation " << n << (error ? ": " + error->message : ""));
    if (error) REQUIRE(error->code == MRUN_MEMORY);
    REQUIRE(to_json(script.preprocess(input)) == wanted);
  }
}
