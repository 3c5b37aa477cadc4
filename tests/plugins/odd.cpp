// A plugin for tests: models whose file says what is odd about them, "PLACE HOW".
#include <mrun/plugin_backend.hpp>

#include <cstring>
#include <stdexcept>

namespace {

void fail_as(std::string_view how) {
  if (how == "exception") throw std::runtime_error("thrown on purpose");
  if (how == "number") throw 42;
}

struct Odd {
  Odd(const mrun::call &, const mrun::model_source &source) {
    const std::string_view file = source.file();
    const size_t blank = file.find(' ');
    place = std::string(file.substr(0, blank));
    if (blank != file.npos) how = std::string(file.substr(blank + 1));
    if (place == "open") fail_as(how);
  }
  const char *schema(size_t method) const {
    if (place == "schema") fail_as(how);
    if (place == "named") return method == 0 ? how.c_str() : nullptr;
    return method == 0 ? "forward(Tensor x) -> Tensor" : method == 1 ? "count(Tensor x) -> int" : nullptr;
  }
  uint32_t traits(size_t method) const {
    if (place == "traits") fail_as(how);
    return (place == "keeps" || place == "clone") && method == 0 ? MRUN_MODEL_STATEFUL : 0;
  }
  std::vector<mrun::value> run(const mrun::call &c, size_t method, const mrun_value *args) const {
    if (place == "run") fail_as(how);
    if (method == 1) return {mrun::value::of(c, calls)};
    ++calls;
    return {mrun::value::copy(c, args[0])};
  }
  std::unique_ptr<Odd> clone(const mrun::call &) const {
    if (place != "clone") return std::make_unique<Odd>(*this);
    fail_as(how);
    return nullptr;
  }
  static mrun::tensor filled(const mrun::call &c, DLDataType type, std::string_view bytes) {
    const auto n = static_cast<int64_t>(bytes.size() * 8 / type.bits);
    const mrun::tensor t = mrun::tensor::empty(c, type, {n});
    std::memcpy(t.data<char>(), bytes.data(), bytes.size());
    return t;
  }
  static std::pair<mrun::tensor, mrun::value> split(const mrun::call &c, std::string_view file) {
    c.log(2, "an old format");
    if (file.substr(0, 6) != "split ") throw mrun::error(MRUN_MISSING, "there is nothing to take out");
    const std::string_view as = file.substr(6);
    fail_as(as);
    if (as == "what it found") {
      c.find("image.resize@1");
      throw std::runtime_error("it found an operation");
    }
    const std::string_view numbers = "sixteen letters!";
    if (as == "into nothing") return {};
    const mrun::tensor graph = filled(c, as == "into numbers" ? mrun::float32 : mrun::uint8, numbers);
    if (as == "without weights") return {graph, mrun::value::of(c, int64_t{3})};
    const mrun::tensor weight = filled(c, as == "with complex" ? DLDataType{5, 64, 1} : mrun::float32, numbers);
    return {graph, mrun::value::of(c, std::map<std::string, mrun::tensor>{{"w", weight}})};
  }

  std::string place, how;
  mutable int64_t calls = 0;
};

// Methods of a base that does not come first, one without results, some that do not throw.
struct Name {
  std::string name = "a name in front";
  virtual ~Name() = default;
};
struct Sum {
  double sum = 0;
  void add(const mrun::call &, double x) noexcept { sum += x; }
  double total(const mrun::call &) const noexcept { return sum; }
};
struct Adder : Name, Sum {
  Adder() = default;
  Adder(const mrun::call &, const mrun::model_source &) {}
  std::unique_ptr<Adder> clone(const mrun::call &) const { return std::make_unique<Adder>(); }
  uint32_t traits(size_t) const { return MRUN_MODEL_STATEFUL; }
};

}  // namespace

MRUN_PLUGIN("odd", "1.0.0", "Odd models.") {
  mrun::backend<Odd>(*this, "odd", ".odd").parallel();
  mrun::backend<Adder>(*this, "adder", ".adder")
      .parallel()
      .method<&Adder::add>("add(float x) -> ()")
      .method<&Adder::total>("total() -> float");
#ifdef ONE_CLASS_TWICE
  mrun::backend<Odd>(*this, "odder", ".odder");
#endif
}
