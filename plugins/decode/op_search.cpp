// beam_search, greedy and sample: tasks that await the step.
#include <algorithm>
#include <mrun/message.hpp>

#include "search_arguments.h"
#include "state.h"

namespace decode {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Names &names) {
  std::string text;
  for (const std::string &n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

Names keys_of(const mrun::value &v) {
  Names names;
  for (size_t i = 0; v.kind() == MRUN_MAP && i < v.get().as.map.size; ++i) {
    const auto &key = v.get().as.map.items[i].key;
    names.emplace_back(key.data, key.size);
  }
  return names;
}

mrun::value entry(const mrun::call &c, const mrun::value &map, const std::string &name) {
  for (size_t i = 0; map.kind() == MRUN_MAP && i < map.get().as.map.size; ++i) {
    const mrun_entry &e = map.get().as.map.items[i];
    if (name == std::string_view(e.key.data, e.key.size)) return mrun::value::copy(c, e.value);
  }
  return {};
}

bool contains(const Names &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_all(const mrun::value &v, const Names &names) {
  const Names keys = keys_of(v);
  return std::all_of(names.begin(), names.end(), [&](const std::string &n) { return contains(keys, n); });
}

// The call of the step: which value goes by which name, and which result is which part of the state.
class Step {
 public:
  Step(const mrun::call &c, const Asked &asked)
      : function_(asked.step),
        parameters_(asked.parameters),
        state_(with_rows(c, asked.state.get(), 1, "state")),
        given_constants_(asked.constants),
        names_(keys_of(asked.state)),
        attention_(asked.search.attention) {
    const auto kind = given_constants_.kind();
    const bool empty = kind == MRUN_LIST && given_constants_.get().as.list.size == 0;
    if (kind != MRUN_NIL && kind != MRUN_MAP && !empty)
      mrun::refuse("const: want a table of values by the step's argument names, got " +
                   mrun::came_text(given_constants_));
    order_names();
  }

  const mrun::function &function() const { return function_; }

  // What to await: the values, and in `names` the name of each.
  std::vector<mrun::value> arguments(const mrun::call &c, const Tokens &tokens, std::vector<const char *> &names) {
    repeat_constants(c, static_cast<int64_t>(tokens.size()));
    std::vector<mrun::value> args;
    args.push_back(positions_tensor(c, tokens));
    if (!is_method()) {
      args.push_back(merged(c));
      args.push_back(constants_);
      return args;
    }
    add_positional(c, args);
    names.assign(args.size(), nullptr);
    for (const std::string &n : parameters_) {  // in their order, so that positions are right too
      if (contains(names_, n)) {
        args.push_back(entry(c, state_, n));
      } else if (contains(constant_names_, n)) {
        args.push_back(entry(c, constants_, n));
      } else {
        continue;
      }
      names.push_back(n.c_str());
    }
    return args;
  }

  // Keeps of what the step returned the state, as it is; gives the scores and, where asked for, attention.
  std::pair<mrun::value, std::optional<mrun::value>> take(const mrun::call &c, std::vector<mrun::value> got) {
    if (got.empty()) returned_wrong(0);
    std::pair<mrun::value, std::optional<mrun::value>> result;
    result.first = std::move(got[0]);
    got.erase(got.begin());
    if (attention_) {
      if (got.empty()) returned_wrong(1);
      result.second = std::move(got.back());
      got.pop_back();
    }
    if (!state_.is_nil()) state_ = bound(c, std::move(got));
    return result;
  }

  void reorder(const mrun::call &c, int64_t rows, const std::vector<size_t> &origins) {
    state_ = take_rows(c, std::move(state_), rows, origins, "state");
  }

 private:
  bool is_method() const { return !parameters_.empty(); }

  [[noreturn]] void returned_wrong(size_t count) const {
    throw mrun::error(MRUN_MODEL, "the step returned " + mrun::counted(count, "value") + "; want the scores" +
                                      (state_.is_nil() ? "" : ", the new state") +
                                      (names_.empty() ? "" : " (" + joined(names_) + ")") +
                                      (attention_ ? ", attention" : ""));
  }

  void want_parameter(const char *option, const std::string &name) const {
    if (contains(parameters_, name)) return;
    mrun::refuse(std::string(option) + ": the step has no argument " + name + "; it takes " + joined(parameters_));
  }

  // A method returns the parts of the state in the order of its parameters.
  void order_names() {
    constant_names_ = keys_of(given_constants_);
    if (is_method()) {
      for (const std::string &n : names_) want_parameter("state", n);
      for (const std::string &n : constant_names_) want_parameter("const", n);
    }
    std::stable_sort(names_.begin(), names_.end(), [&](const std::string &a, const std::string &b) {
      return std::find(parameters_.begin(), parameters_.end(), a) <
             std::find(parameters_.begin(), parameters_.end(), b);
    });
  }

  void repeat_constants(const mrun::call &c, int64_t rows) {
    if (rows == constant_rows_) return;
    constants_ = with_rows(c, given_constants_.get(), rows, "const");
    constant_rows_ = rows;
  }

  // For a Lua function: state and const in one table, where the state has names.
  mrun::value merged(const mrun::call &c) const {
    if (!state_.is_nil() && names_.empty()) return state_;
    std::map<std::string, mrun::value> all;
    for (const std::string &n : constant_names_) all[n] = entry(c, constants_, n);
    for (const std::string &n : names_) all[n] = entry(c, state_, n);
    return mrun::value::of(c, std::move(all));
  }

  void add_positional(const mrun::call &c, std::vector<mrun::value> &args) const {
    if (state_.kind() == MRUN_LIST) {
      for (auto &part : state_.to<std::vector<mrun::value>>(c)) args.push_back(std::move(part));
    } else if (!state_.is_nil() && names_.empty()) {
      args.push_back(state_);
    }
  }

  mrun::value bound(const mrun::call &c, std::vector<mrun::value> got) const {
    if (names_.empty()) return bound_by_position(c, std::move(got));
    std::map<std::string, mrun::value> parts;
    if (got.size() == 1 && has_all(got[0], names_)) {
      for (const std::string &n : names_) parts[n] = entry(c, got[0], n);
    } else if (got.size() == names_.size() && (got.size() == 1 || is_method())) {
      for (size_t i = 0; i < got.size(); ++i) parts[names_[i]] = std::move(got[i]);
    } else {
      returned_wrong(got.size() + 1);
    }
    return mrun::value::of(c, std::move(parts));
  }

  mrun::value bound_by_position(const mrun::call &c, std::vector<mrun::value> got) const {
    if (state_.kind() != MRUN_LIST || (got.size() == 1 && got[0].kind() == MRUN_LIST)) {
      if (got.size() != 1) returned_wrong(got.size() + 1);
      return std::move(got[0]);
    }
    if (got.size() != state_.get().as.list.size) returned_wrong(got.size() + 1);
    return mrun::value::of(c, std::move(got));
  }

  mrun::function function_;
  Names parameters_;  // of a method
  mrun::value state_, given_constants_, constants_;
  Names names_, constant_names_;  // of the parts
  int64_t constant_rows_ = 0;
  bool attention_;
};

// The scores as the search reads them; keeps what they lie in.
class Scores {
 public:
  Scores(const mrun::call &c, const mrun::value &given, const std::optional<mrun::value> &attention, int64_t rows)
      : call_(c) {
    read(c, given, rows, "scores", "vocabulary", tensor_, floats_, step.scores, step.vocabulary);
    step.rows = rows;
    if (attention) {
      read(c, *attention, rows, "attention", "sources", attention_, attention_floats_, step.attention, step.sources);
    }
  }
  // A charge would last as long as the search, each step's would add up.
  ~Scores() { call_.charge(-static_cast<int64_t>((floats_.size() + attention_floats_.size()) * sizeof(float))); }
  Scores(const Scores &) = delete;
  Scores &operator=(const Scores &) = delete;

  StepScores step;

 private:
  static void read(const mrun::call &c, const mrun::value &given, int64_t rows, const char *what, const char *width,
                   mrun::tensor &kept, std::vector<float> &floats, const float *&data, int64_t &count) {
    const std::string wanted =
        std::string("the step's ") + what + ": want a tensor [" + std::to_string(rows) + ", " + width + "]";
    if (given.kind() != MRUN_TENSOR) throw mrun::error(MRUN_MODEL, wanted + ", got " + mrun::came_text(given));
    const mrun::tensor t(c, given.get());
    if (t.dim() != 2 || t.size(0) != rows || t.size(1) == 0)
      throw mrun::error(MRUN_MODEL, wanted + ", got " + mrun::shape_text(t));
    want_cpu(t, std::string("the step's ") + what);
    count = t.size(1);
    if (t.is(mrun::float32)) {
      kept = t.contiguous(c);
      data = kept.data<const float>();
    } else {
      floats = floats_of(c, t, std::string("the step's ") + what);
      data = floats.data();
    }
  }

  const mrun::call &call_;
  mrun::tensor tensor_, attention_;
  std::vector<float> floats_, attention_floats_;  // where they are no float32: what floats_of charged
};

class SearchTask : public mrun::task<mrun::value> {
 public:
  SearchTask(const mrun::call &c, const char *name, Asked asked)
      : name_(name), asked_(std::move(asked)), search_(asked_.search), step_(c, asked_) {}

  const mrun::function &step() const { return step_.function(); }

  std::vector<mrun::value> arguments(const mrun::call &c, std::vector<const char *> &names) {
    return step_.arguments(c, search_.to_feed(), names);
  }

  mrun::later<mrun::value> resume(mrun::call &c, std::vector<mrun::value> got) override {
    return translated(name_, [&]() -> mrun::later<mrun::value> {
      advance(c, std::move(got));
      report(c);
      if (search_.over()) return answer(c);
      std::vector<const char *> names;
      auto args = arguments(c, names);
      return await(c, step(), std::move(args), MRUN_AWAIT_ROWS, names);
    });
  }

 private:
  void advance(mrun::call &c, std::vector<mrun::value> got) {
    const auto rows = static_cast<int64_t>(search_.to_feed().size());
    auto [given, attention] = step_.take(c, std::move(got));
    const Scores scores(c, given, attention, rows);
    charge(c, scores.step);
    Search::Bias bias;
    if (asked_.on_step) {
      bias = [&](float *log_probs, const Search &) { call_on_step(c, log_probs, rows, scores.step.vocabulary); };
    }
    search_.advance(scores.step, bias, [&] { c.poll(); });
    if (!search_.over()) step_.reorder(c, rows, search_.origins());
  }

  // Of all rows the scores, and what sampling sorts; and what the search keeps, which grows from step to step. Charges
  // last as long as the search.
  void charge(const mrun::call &c, const StepScores &given) {
    constexpr int64_t bytes_a_score = 20;
    const int64_t held =
        asked_.search.rows() * given.vocabulary * bytes_a_score + search_.bytes(given.vocabulary, given.sources);
    if (held <= charged_) return;
    c.charge(held - charged_);
    charged_ = held;
  }

  mrun::tensor tokens_of_rows(const mrun::call &c) const {
    const auto &rows = search_.rows();
    mrun::tensor t = mrun::tensor::empty(c, mrun::int64, {static_cast<int64_t>(rows.size()), search_.step()});
    int64_t *at = t.data<int64_t>();
    for (const Row &row : rows) at = std::copy(row.tokens.begin(), row.tokens.end(), at);
    return t;
  }

  void call_on_step(const mrun::call &c, float *log_probs, int64_t rows, int64_t vocabulary) const {
    mrun::tensor scores = mrun::tensor::empty(c, mrun::float32, {rows, vocabulary});
    std::copy_n(log_probs, rows * vocabulary, scores.data<float>());
    std::map<std::string, mrun::value> about;
    about["tokens"] = tokens_of_rows(c);
    about["t"] = mrun::value::of(c, search_.step());
    const mrun::value second = mrun::value::of(c, std::move(about));
    const mrun_value args[] = {scores.get(), second.get()};
    (*asked_.on_step)(c, args, 2, 0);
    std::copy_n(scores.data<const float>(), rows * vocabulary, log_probs);
  }

  bool is_eos(int64_t token) const {
    const Tokens &eos = asked_.search.eos;
    return std::find(eos.begin(), eos.end(), token) != eos.end();
  }

  // Tells on_token what is sure now and was not before.
  void report(const mrun::call &c) {
    if (!asked_.on_token) return;
    if (search_.over()) results_ = search_.results();
    const Tokens sure = search_.over() ? results_.at(0).tokens : search_.settled();
    for (; told_ < sure.size(); ++told_) {
      if (!is_eos(sure[told_])) asked_.on_token->invoke<mrun::value>(c, sure[told_]);
    }
  }

  mrun::value answer(const mrun::call &c) {
    if (results_.empty()) results_ = search_.results();
    std::vector<mrun::value> list;
    for (const Hypothesis &h : results_) list.push_back(told(c, h));
    return mrun::value::of(c, std::move(list));
  }

  mrun::value told(const mrun::call &c, const Hypothesis &h) const {
    Tokens tokens = h.tokens;
    const auto length = static_cast<int64_t>(tokens.size());
    if (is_eos(tokens.back())) tokens.pop_back();
    std::map<std::string, mrun::value> m;
    m["tokens"] = positions_tensor(c, tokens);
    m["score"] = mrun::value::of(c, h.score);
    m["ended"] = mrun::value::of(c, h.ended);
    if (h.stop >= 0) m["stop"] = mrun::value::of(c, asked_.search.stop[static_cast<size_t>(h.stop)]);
    if (asked_.return_scores) {
      m["log_probs"] = tensor_of<float>(c, mrun::float32, {length}, {h.log_probs.begin(), h.log_probs.end()});
    }
    if (asked_.search.alternatives > 0) m["alternatives"] = alternatives(c, h);
    if (asked_.search.attention) m["attention"] = tensor_of(c, mrun::float32, {length, h.sources}, h.attention);
    return mrun::value::of(c, std::move(m));
  }

  static mrun::value alternatives(const mrun::call &c, const Hypothesis &h) {
    std::vector<mrun::value> places;
    for (const auto &best : h.alternatives) {
      std::vector<mrun::value> place;
      for (const auto &[token, log_prob] : best) {
        std::map<std::string, mrun::value> one;
        one["token"] = mrun::value::of(c, token);
        one["log_prob"] = mrun::value::of(c, log_prob);
        place.push_back(mrun::value::of(c, std::move(one)));
      }
      places.push_back(mrun::value::of(c, std::move(place)));
    }
    return mrun::value::of(c, std::move(places));
  }

  const char *name_;
  Asked asked_;
  Search search_;
  Step step_;
  std::vector<Hypothesis> results_;
  size_t told_ = 0;
  int64_t charged_ = 0;
};

struct Operation {
  Method method;
  const char *name, *doc;
  std::string schema;
};

Operation operations[] = {
    {Method::beam_search, "decode.beam_search",
     "The best sequences of tokens that a step gives, by beam search.\n\nstep: a model's method or a Lua function; "
     "decode.md says what it takes and gives.",
     search_schema(Method::beam_search)},
    {Method::greedy, "decode.greedy", "At each step the most probable token.", search_schema(Method::greedy)},
    {Method::sample, "decode.sample", "Tokens drawn by their probabilities.", search_schema(Method::sample)},
};

mrun::later<mrun::value> search(const mrun::call &c, const Operation &op, const mrun_value *args) {
  return translated(op.name, [&]() -> mrun::later<mrun::value> {
    auto task = std::make_unique<SearchTask>(c, op.name, read_arguments(c, op.method, args));
    std::vector<const char *> names;
    auto first = task->arguments(c, names);
    const mrun::function step = task->step();
    return mrun::start(c, std::move(task), step, std::move(first), MRUN_AWAIT_ROWS, names);
  });
}

int run(mrun_call *raw, const mrun_value *args, mrun_value *results, void *user) {
  return mrun::detail::guarded(raw, [&] {
    mrun::call c(raw);
    const auto &op = *static_cast<const Operation *>(user);
    return mrun::detail::give<mrun::later<mrun::value>>::put(c, search(c, op, args), results);
  });
}

}  // namespace

void add_search(const mrun::registrar &r) {
  static std::vector<mrun_op> ops;
  ops.reserve(std::size(operations));
  for (Operation &o : operations) {
    const uint32_t flags = o.method == Method::sample ? uint32_t{MRUN_OP_RANDOM} : 0;
    ops.push_back({sizeof(mrun_op), flags, o.schema.c_str(), o.doc, nullptr, run, &o});
    mrun::check(mrun::host->add_op(r.registry, &ops.back()));
  }
}

}  // namespace decode
