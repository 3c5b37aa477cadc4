// A plugin for tests, made with plugin_backend.hpp: models "helped N" that add N, others with methods of
// their own, a namespace, an operation made once.
#include <mrun/plugin_backend.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace {

struct Helped {
  Helped(const mrun::call &c, const mrun::model_source &source) : times(source.option<double>("times", 1)) {
    if (source.is_split()) {
      add = source.weight("add").data<const float>()[0];
    } else {
      add = number(source.file());
    }
    if (source.file().substr(0, 7) != "helped ") throw mrun::error(MRUN_MODEL, "no model: want \"helped N\"");
    for (const std::string &name : source.files()) extra += source.read(name.c_str()).numel();
    c.poll();
  }
  static float number(std::string_view file) {
    int n = 0;
    const std::string_view digits = file.substr(std::min<size_t>(7, file.size()));
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (read.ec != std::errc()) throw mrun::error(MRUN_MODEL, "no model: want \"helped N\"");
    return static_cast<float>(n);
  }

  mrun::tensor forward(const mrun::call &c, const mrun::tensor &x) const {
    if (!x.is(mrun::float32)) throw mrun::error(MRUN_MODEL, "x: want float32");
    const mrun::tensor in = x.contiguous(c);
    mrun::tensor out = mrun::tensor::empty(c, mrun::float32, x.shape());
    for (int64_t i = 0; i < in.numel(); ++i) {
      out.data<float>()[i] = in.data<const float>()[i] * static_cast<float>(times) + add;
    }
    c.poll();
    return out;
  }
  std::tuple<mrun::tensor, int64_t> both(const mrun::call &c, const mrun::tensor &x, int64_t n) const {
    return {forward(c, x), n + extra};
  }
  static std::pair<mrun::tensor, mrun::value> split(const mrun::call &c, std::string_view file) {
    mrun::tensor graph = mrun::tensor::empty(c, mrun::uint8, {7}), weight = mrun::tensor::empty(c, mrun::float32, {1});
    std::memcpy(graph.data<char>(), "helped ", 7);
    weight.data<float>()[0] = number(file);
    return {graph, mrun::value::of(c, std::map<std::string, mrun::tensor>{{"add", weight}})};
  }
  std::unique_ptr<Helped> clone(const mrun::call &) const { return std::make_unique<Helped>(*this); }
  uint32_t traits(size_t) const { return 0; }

  double times;
  float add = 0;
  int64_t extra = 0;
};

// "N NAME": a method of that name gives N results, another how many threads its opening was told of. One named
// liar gives more.
struct Listed {
  Listed(const mrun::call &c, const mrun::model_source &source)
      : count(Helped::number(source.file())), threads(c.threads()) {
    if (count < 1 || count > 9) throw mrun::error(MRUN_MODEL, "no model: want \"listed N NAME\"");
    listed = std::string(source.file().substr(std::min<size_t>(9, source.file().size()))) + "(Tensor x) -> (Tensor";
    for (int i = 1; i < static_cast<int>(count); ++i) listed += ", Tensor";
    listed += ")";
  }
  const char *schema(size_t method) const {
    return method == 0 ? listed.c_str() : method == 1 ? "threads(Tensor x) -> int" : nullptr;
  }
  std::vector<mrun::value> run(const mrun::call &c, size_t method, const mrun_value *args) const {
    c.poll();
    if (method == 1) return {mrun::value::of(c, threads)};
    const size_t given = listed.rfind("liar", 0) == 0 ? 100 : static_cast<size_t>(count);
    return std::vector<mrun::value>(given, mrun::tensor(c, args[0]));
  }

  float count;
  int64_t threads;
  std::string listed;
};

std::vector<mrun::lazy_op> make(const std::string &name) {
  if (name != "twice") return {};
  const auto run = [](mrun::call &c, const mrun_value *args) {
    return std::vector<mrun::value>{mrun::value::of(c, 2 * args[0].as.integer)};
  };
  return {{"helpedns.twice:int(int n) -> int", "2 n.", run}};
}
const char *list(size_t index) { return index == 0 ? "twice" : nullptr; }

// How many functions are among these, by their kind.
int64_t functions(const std::vector<mrun::value> &items) {
  int64_t n = 0;
  for (const mrun::value &v : items) n += v.kind() == MRUN_FUNCTION ? 1 : 0;
  return n;
}
mrun::value call_each(const mrun::call &c, const std::vector<mrun::value> &items, const mrun::value &x) {
  mrun::value last = x;
  for (const mrun::value &v : items) {
    if (v.kind() == MRUN_FUNCTION) last = v.to<mrun::function>(c)(c, &last.get(), 1, 1).at(0);
  }
  return last;
}

}  // namespace

static const char lua[] =
    "return {twice = native 'helpedns.twice', functions = native 'helped.functions@1', call_each = native "
    "'helped.call_each@1'}";

MRUN_PLUGIN("helped", "1.0.0", "Made with the helpers.", lua) {
  mrun::backend<Helped>(*this, "helped", ".helped")
      .parallel()
      .method<&Helped::forward>("forward(Tensor x) -> (Tensor y)")
      .method<&Helped::both>("both(Tensor x, int n=1) -> (Tensor y, int n)");
  mrun::backend<Listed>(*this, "listed", ".listed").parallel();
  mrun::add_namespace<make, list>(*this, "helpedns.", "helped 1");
  op<functions>("helped.functions@1(Any[] items) -> int", "How many are functions.");
  op<call_each>("helped.call_each@1(Any[] items, Any x) -> Any", "Each function called with what the one before gave.");
}
