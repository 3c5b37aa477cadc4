// What an engine is given: a registry of plugins of its own, and the files of its models.
#include <string>
#include <vector>

#include "base/error.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Files = MockBundle::Files;

TEST_CASE("an engine without a registry is refused") {
  try {
    start_session(MockBundle().open(), {});
    FAIL("it started");
  } catch (const Error &e) {
    CHECK(e.code == MRUN_USAGE);
    CHECK(e.message.find("registry") != std::string::npos);
  }
}

TEST_CASE("a backend reads and maps the further files of its model by name") {
  const MockBundle bundle(Files{{"model/main/a.bin", "one"}, {"model/main/b/c.txt", "two"}, {"other.txt", "no"}});
  const auto session = bundle.start(with_workers(1, false));
  CHECK(calls.files == std::vector<std::string>{"a.bin one one", "b/c.txt two two"});
}

TEST_CASE("two engines of one process have plugins of their own") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return require('other').answer() end"}});
  const auto init = [](const mrun_host *h, mrun_plugin *p) {
    static const mrun_op op{sizeof(mrun_op),
                            0,
                            "other.answer@1() -> int",
                            "",
                            nullptr,
                            [](mrun_call *, const mrun_value *, mrun_value *results, void *) {
                              results[0].kind = MRUN_INT;
                              results[0].as.integer = 42;
                              return int{MRUN_OK};
                            },
                            nullptr};
    p->size = sizeof *p;
    p->abi = MRUN_ABI;
    p->name = "other";
    p->version = "2";
    return h->add_op(p->registry, &op);
  };
  Registry with(std::vector<fs::path>{}), without(std::vector<fs::path>{});
  with.add(init);
  for (Registry *registry : {&with, &without}) Mock::add_to(*registry);
  EngineOptions has = with_workers(2, false), lacks = has;
  has.registry = &with;
  lacks.registry = &without;
  const auto first = bundle.start(has);
  CHECK(first->run(work(floats({1}))).answer.as_number() == 42);
  CHECK(bundle.start(lacks)->run(work(floats({1}))).error->message.find("other") != std::string::npos);
  CHECK(first->run(work(floats({1}))).ok());
  CHECK(first->facts().plugins.count("other") == 1);
}
