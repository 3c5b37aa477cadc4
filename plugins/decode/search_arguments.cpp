#include "search_arguments.h"

#include "constraint_object.h"

namespace decode {
namespace {

template <class T>
T as(const mrun::call &c, const mrun_value &v) {
  return mrun::kind<T>::from(c, v);
}

// Reads a parameter of type T into a member.
template <class T, auto member>
void set(const mrun::call &c, const mrun_value &v, Asked &a) {
  a.search.*member = as<T>(c, v);
}

// One token, or a list or tensor of them; nil: none.
void set_tokens(const mrun::call &c, const mrun_value &v, Tokens &tokens, const char *name) {
  if (v.kind == MRUN_NIL) return;
  if (mrun::kind<int64_t>::is(v)) {
    tokens = {as<int64_t>(c, v)};
  } else {
    tokens = integers_of(c, v, name);
  }
}

void set_bos(const mrun::call &c, const mrun_value &v, Asked &a) {
  if (v.kind != MRUN_NIL) a.search.prompt = {as<int64_t>(c, v)};
}

void set_prefix(const mrun::call &c, const mrun_value &v, Asked &a) {
  if (v.kind == MRUN_NIL) return;
  Tokens prefix;
  set_tokens(c, v, prefix, "prefix");
  a.search.prompt.insert(a.search.prompt.end(), prefix.begin(), prefix.end());
}

void set_bad_words(const mrun::call &c, const mrun_value &v, Asked &a) {
  for (size_t i = 0; v.kind == MRUN_LIST && i < v.as.list.size; ++i) {
    a.search.bad_words.push_back(integers_of(c, v.as.list.items[i], "bad_words[" + std::to_string(i + 1) + "]"));
  }
  if (v.kind != MRUN_LIST && v.kind != MRUN_NIL)
    mrun::refuse("bad_words: want a list of lists of tokens, got " + mrun::came_text(v));
}

void set_early_stopping(const mrun::call &c, const mrun_value &v, Asked &a) {
  const bool never = v.kind == MRUN_STRING && as<std::string>(c, v) == "never";
  if (!never && v.kind != MRUN_BOOL) {
    mrun::refuse("early_stopping: want true, false or \"never\", got " +
                 (v.kind == MRUN_STRING ? '"' + as<std::string>(c, v) + '"' : mrun::came_text(v)));
  }
  a.search.early_stopping = never ? Stopping::never : as<bool>(c, v) ? Stopping::at_count : Stopping::bound;
}

void set_scoring(const mrun::call &c, const mrun_value &v, Asked &a) {
  const auto name = as<std::string>(c, v);
  if (name == "huggingface") {
    a.search.scoring = Scoring::huggingface;
  } else if (name == "ctranslate2") {
    a.search.scoring = Scoring::ctranslate2;
  } else if (name == "fairseq") {
    a.search.scoring = Scoring::fairseq;
  } else {
    mrun::refuse("scoring: want huggingface, ctranslate2 or fairseq, got \"" + name + "\"");
  }
}

void set_constraint(const mrun::call &c, const mrun_value &v, Asked &a) {
  if (const auto *object = as<ConstraintObject *>(c, v)) a.search.constraint = object->constraint;
}

void set_pieces(const mrun::call &c, const mrun_value &v, Asked &a) {
  if (const auto *object = as<PiecesObject *>(c, v)) a.search.pieces = object->pieces;
}

void set_function(std::optional<mrun::function> &f, const mrun_value &v) {
  if (v.kind == MRUN_FUNCTION) f = mrun::function{v.as.function};
}

struct Parameter {
  const char *schema;
  unsigned methods;  // 1 << Method
  void (*read)(const mrun::call &, const mrun_value &, Asked &);
};

constexpr unsigned beams = 1U << unsigned(Method::beam_search), drawn = 1U << unsigned(Method::sample),
                   all = beams | drawn | 1U << unsigned(Method::greedy);

const Parameter parameters[] = {
    {"Callable step, *", all, [](const mrun::call &, const mrun_value &v, Asked &a) { a.step.raw = v.as.function; }},
    {"str[] _parameters|parameters=[]", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { a.parameters = as<std::vector<std::string>>(c, v); }},
    {"Any state=None", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { a.state = mrun::value::copy(c, v); }},
    {"Any const=None", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { a.constants = mrun::value::copy(c, v); }},
    {"int? bos=None", all, set_bos},
    {"Any prefix=None", all, set_prefix},
    {"Any eos=None", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { set_tokens(c, v, a.search.eos, "eos"); }},
    {"int max_new=256", all, set<int64_t, &SearchOptions::max_new>},
    {"int min_new=0", all, set<int64_t, &SearchOptions::min_new>},
    {"int beam=4", beams, set<int64_t, &SearchOptions::beam>},
    {"int n_best=1", beams | drawn, set<int64_t, &SearchOptions::n_best>},
    {"float length_penalty=1.0", all, set<double, &SearchOptions::length_penalty>},
    {"float patience=1.0", beams, set<double, &SearchOptions::patience>},
    {"Any early_stopping=False", beams, set_early_stopping},
    {"str scoring='huggingface'", beams, set_scoring},
    {"float coverage_penalty=0.0", beams, set<double, &SearchOptions::coverage_penalty>},
    {"int no_repeat_ngram=0", all, set<int64_t, &SearchOptions::no_repeat_ngram>},
    {"float repetition_penalty=1.0", all, set<double, &SearchOptions::repetition_penalty>},
    {"Any suppress=None", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { set_tokens(c, v, a.search.suppress, "suppress"); }},
    {"Any bad_words=None", all, set_bad_words},
    {"Any forced=None", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { set_tokens(c, v, a.search.forced, "forced"); }},
    {"decode.Constraint? constrain=None", all, set_constraint},
    {"str[] stop=[]", all, set<std::vector<std::string>, &SearchOptions::stop>},
    {"decode.Pieces? _pieces|pieces=None", all, set_pieces},
    {"float temperature=1.0", drawn, set<double, &SearchOptions::temperature>},
    {"int top_k=0", drawn, set<int64_t, &SearchOptions::top_k>},
    {"float top_p=1.0", drawn, set<double, &SearchOptions::top_p>},
    {"float min_p=0.0", drawn, set<double, &SearchOptions::min_p>},
    {"bool return_scores=False", all,
     [](const mrun::call &c, const mrun_value &v, Asked &a) { a.return_scores = as<bool>(c, v); }},
    {"int alternatives=0", all, set<int64_t, &SearchOptions::alternatives>},
    {"bool attention=False", all, set<bool, &SearchOptions::attention>},
    {"Callable? on_step=None", all,
     [](const mrun::call &, const mrun_value &v, Asked &a) { set_function(a.on_step, v); }},
    {"Callable? on_token=None", all,
     [](const mrun::call &, const mrun_value &v, Asked &a) { set_function(a.on_token, v); }},
};

bool takes(Method method, const Parameter &p) { return (p.methods >> unsigned(method) & 1U) != 0; }

}  // namespace

std::string search_schema(Method method) {
  static constexpr const char *names[] = {"beam_search", "greedy", "sample"};
  std::string text = std::string("decode.") + names[unsigned(method)] + "@1(";
  for (const Parameter &p : parameters) {
    if (takes(method, p)) text += (text.back() == '(' ? "" : ", ") + std::string(p.schema);
  }
  return text + ") -> Any";
}

Asked read_arguments(const mrun::call &c, Method method, const mrun_value *args) {
  Asked asked;
  for (const Parameter &p : parameters) {
    if (takes(method, p)) p.read(c, *args++, asked);
  }
  asked.search.sample = method == Method::sample;
  if (method == Method::greedy) {
    asked.search.beam = 1;
    asked.search.early_stopping = Stopping::at_count;
  }
  if (asked.search.sample) asked.search.seed = c.seed();
  return asked;
}

}  // namespace decode
