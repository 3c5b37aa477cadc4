// A plugin in C++: two plain functions and an object type.
#include "mrun/plugin.hpp"
struct Vocabulary {
  std::vector<std::string> words;
};
template <>
struct mrun::type_of<Vocabulary> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "counter.Vocabulary",
                                     "A list of words.",
                                     [](void *p) { delete static_cast<Vocabulary *>(p); },
                                     nullptr};
};
static mrun::tensor scale(const mrun::call &c, const mrun::tensor &x, double by) {
  if (x.dl().dtype.code != kDLFloat || x.dl().dtype.bits != 32)
    throw mrun::error(MRUN_ARGUMENT, "counter.scale: x: want float32");
  auto y = mrun::tensor::empty(c, x.dl().dtype, {x.dl().shape, x.dl().shape + x.dl().ndim});
  for (int64_t i = 0, n = x.numel(); i < n; ++i) y.data<float>()[i] = float(x.data<float>()[i] * by);
  return y;
}
static std::unique_ptr<Vocabulary> vocabulary(std::vector<std::string> words) {
  return std::unique_ptr<Vocabulary>(new Vocabulary{std::move(words)});
}
static std::tuple<std::string_view, int64_t> word(Vocabulary &self, int64_t id, std::optional<int64_t> shift) {
  auto i = size_t(id + shift.value_or(0));
  if (i >= self.words.size()) throw mrun::error(MRUN_ARGUMENT, "counter.Vocabulary.word: id: out of range");
  return {self.words[i], int64_t(self.words[i].size())};
}
MRUN_PLUGIN("counter", "1.0.0", "An example.") {
  type<Vocabulary>();
  op<scale>("counter.scale@1(Tensor x, float by=2.0) -> Tensor", "x times by.");
  op<vocabulary>("counter.vocabulary@1(str[] words) -> counter.Vocabulary", "A vocabulary.", MRUN_OP_ONCE);
  op<word>("counter.Vocabulary.word@1(counter.Vocabulary self, int id, int? shift=None) -> (str, int)",
           "The word and its length.");
}
