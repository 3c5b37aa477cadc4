// Memory that runs out in C++: any allocation of a fiber may fail, and its state works on.
#include <cstdlib>
#include <new>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

thread_local long until_failure = -1;  // allocations of this thread that still succeed; negative: all
thread_local bool fails_once = true;   // the ones behind that one succeed again

void *allocate(std::size_t size) {
  if (until_failure == 0 && !fails_once) throw std::bad_alloc();
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

TEST_CASE("An error of a script for which there is no memory any more is MEMORY") {
  const std::pair<const char *, const char *> wrong[] = {
      {"return require 'lib.a_module_that_is_nowhere'", "no such module"},
      {"local t = {} t[1] = ('a text'):rep({}) return t", "want a number"},
      {"local text = error return text(('a text that is raised as it is'):upper())", "A TEXT THAT IS RAISED AS IT IS"},
  };
  for (const auto &[body, said] : wrong) {
    Script script(Script::body(body));
    const Error whole = error_of([&] { script.preprocess(Value::string("x")); });
    REQUIRE(whole.message.find(said) != std::string::npos);
    int shortages = 0;
    for (long n = 0;; ++n) {
      std::optional<Error> error;
      fails_once = false;
      until_failure = n;
      try {
        const auto fiber = script.start(Stage::preprocess, {Value::string("x")});
        if (fiber->resume() == Fiber::Status::failed) error = fiber->error();
      } catch (const std::bad_alloc &) { error.emplace(MRUN_MEMORY, "of the call"); }
      const bool short_of_memory = std::exchange(until_failure, -1) == 0;
      fails_once = true;
      INFO(body << ": allocations behind the first " << n << ": " << (error ? error->message : "no error"));
      REQUIRE(error);
      REQUIRE((error->code == MRUN_MEMORY || error->message == whole.message));
      shortages += error->code == MRUN_MEMORY ? 1 : 0;
      if (!short_of_memory) break;
    }
    REQUIRE(shortages > 5);
  }
}
