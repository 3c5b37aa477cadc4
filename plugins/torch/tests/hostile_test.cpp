#include <random>

#include "catch.h"
#include "support.h"

using mrun::Value;
using test::Model;

namespace {

// Opens it and calls what takes one tensor. Nothing but an error may come out; its text is one line without C++ frames.
void attempt(const std::string &bytes, const Value &weights = {}) {
  try {
    const Model model(bytes, weights);
    const Value x = mrun::Tensor::empty(mrun::dtype::float32, {2, 3});
    for (const mrun::Schema &s : model.schemas) {
      if (s.parameters.size() == 1) model.call(s.name, {x});
    }
  } catch (const mrun::Error &e) {
    INFO(e.message);
    CHECK((e.code == MRUN_BUNDLE || e.code == MRUN_MODEL || e.code == MRUN_MISSING || e.code == MRUN_MEMORY ||
           e.code == MRUN_ARGUMENT || e.code == MRUN_USAGE));
    CHECK_FALSE(e.message.empty());
    for (const char *leak : {"\n", ".cpp", "frame #", "Exception raised", "0x7f"}) {
      INFO(leak);
      CHECK(e.message.find(leak) == std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("a truncated model file is an error", "[torch][hostile]") {
  const std::string bytes = test::read_file(test::model_path("gives"));
  for (size_t size = 0; size < bytes.size(); size += 1 + size % 23) attempt(bytes.substr(0, size));
}

TEST_CASE("a changed model file gives an error or a model", "[torch][hostile]") {
  std::mt19937 random(1);
  for (const char *name : {"gives", "methods", "stateful"}) {
    const std::string bytes = test::read_file(test::model_path(name));
    for (int i = 0; i < 400; ++i) {
      std::string changed = bytes;
      for (int n = 1 + static_cast<int>(random() % 4); n > 0; --n) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      attempt(changed);
    }
  }
}

TEST_CASE("a changed graph with good weights gives an error or a model", "[torch][hostile]") {
  std::mt19937 random(2);
  const test::Split parts = test::split(test::read_file(test::model_path("gives")));
  for (int i = 0; i < 400; ++i) {
    std::string changed = parts.graph;
    // The table of weights above all.
    const size_t table = changed.find("mrun weights 1"), length = 60;
    const size_t at = i % 2 != 0 && table != std::string::npos ? table + random() % length : random() % changed.size();
    changed[at] = static_cast<char>('!' + random() % 90);
    attempt(changed, parts.weights);
  }
}

TEST_CASE("what is no model file is an error", "[torch][hostile]") {
  attempt("");
  attempt("PK\x03\x04");
  attempt(std::string(100000, '\0'));
  attempt("{\"model\": 1}");
}
