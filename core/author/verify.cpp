#include "author/verify.h"

#include <algorithm>
#include <chrono>

#include "value/json.h"

namespace mrun {
namespace {

using Entries = std::vector<std::pair<std::string, Value>>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Where an example departs from what was recorded.
struct Departure {
  std::string stage;
  Difference difference;
  bool operator==(const Departure &o) const {
    return stage == o.stage && difference.place == o.difference.place && difference.message == o.difference.message;
  }
};

const Value *find(const Entries &entries, std::string_view name) {
  for (const auto &[key, value] : entries) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool of_stage(std::string_view name, const std::string &stage) {
  return name == stage || name.starts_with(stage + ".");
}

// The first recorded tensor of the stage that differs from what the stage gave now, or one that it did not give then.
// What an item that failed did not come to is told by its error.
std::optional<Difference> compare_stage(const Value &recorded, const Recorded &run, const std::string &stage,
                                        const Tolerance &tolerance) {
  const Entries &now = run.stages;
  for (const Entry &e : recorded.as_map()) {
    const std::string name(e.key());
    if (!of_stage(name, stage)) continue;
    const Value *got = find(now, name);
    if (got == nullptr && !run.result.ok()) continue;
    if (got == nullptr) return Difference{name, "recorded, but missing now"};
    if (auto d = compare(e.value(), *got, tolerance, name)) return d;
  }
  if (recorded.as_map().empty()) return std::nullopt;  // an example without stages
  for (const auto &[name, value] : now) {
    if (of_stage(name, stage) && recorded.find(name) == nullptr) return Difference{name, "there now, but not recorded"};
  }
  return std::nullopt;
}

std::string with_code(const Error &e) { return fmt::format("{}: {}", code_name(e.code), e.message); }

std::optional<Departure> compare_answer(const Bundle &bundle, const Tolerance &tolerance, const Example &example,
                                        const Result &now) {
  if (!now.ok()) return Departure{now.error->stage, {"", with_code(*now.error)}};
  std::optional<Value> expected;
  try {
    expected = example_answer(bundle, example);
  } catch (const Error &e) { return Departure{"postprocess", {"", with_code(e)}}; }
  const Value answer = answer_as_json(now.answer);
  if (auto d = compare(*expected, answer, tolerance, "answer")) { return Departure{"postprocess", std::move(*d)}; }
  return std::nullopt;
}

std::optional<Departure> compare_example(const Bundle &bundle, Registry *registry, const Example &example,
                                         const Recorded &now) {
  const Manifest &m = bundle.manifest();
  const Tolerance tolerance{m.rtol, m.atol, registry};
  const Value recorded = example_stages(bundle, example);
  for (const char *stage : {"preprocess", "forward"}) {
    if (auto d = compare_stage(recorded, now, stage, tolerance)) return Departure{stage, std::move(*d)};
  }
  return compare_answer(bundle, tolerance, example, now.result);
}

std::optional<Departure> run_example(const Bundle &bundle, Session &session, const Example &example) {
  try {
    Registry *const registry = session.facts().options.registry;
    return compare_example(bundle, registry, example, run_recorded(session, example_input(bundle, example), 0));
  } catch (const Error &e) { return Departure{e.stage.empty() ? "input" : e.stage, {"", with_code(e)}}; }
}

// What the last joined call that failed said; empty where none did.
std::string joined_failure(const Session &session) {
  const Value statistics = session.statistics();
  const Value *failure = statistics.find("joined_failure");
  return failure == nullptr || failure->is_nil() ? "" : std::string(failure->as_string());
}

// Whether calls of different lengths are joined, the shorter ones filled up.
bool fills_up(const Manifest &m) {
  const auto pads = [](const Batching &batching) {
    return !batching.calls.pad.empty() || std::any_of(batching.methods.begin(), batching.methods.end(),
                                                      [](const auto &method) { return !method.second.pad.empty(); });
  };
  return pads(m.batch) || std::any_of(m.models.begin(), m.models.end(),
                                      [&](const ModelConfig &model) { return model.batch && pads(*model.batch); });
}

// Whether no model's calls are joined.
bool leaves_alone(const Manifest &m) {
  const auto alone = [](const Batching &batching) {
    return batching.calls.mode == BatchConfig::Mode::none && batching.methods.empty();
  };
  return std::all_of(m.models.begin(), m.models.end(),
                     [&](const ModelConfig &model) { return alone(model.batch ? *model.batch : m.batch); });
}

std::string why_neighbours_show(const Manifest &m) {
  const std::string kept = "the script keeps something of one item for the next, in a variable outside of its function";
  if (leaves_alone(m)) return kept;
  return (fills_up(m)
              ? "the model must not see what [batch] pad fills up with (lengths, a mask), nor the script get it (unpad)"
              : "a row of the model's batch must not change the others' (a mean or an order over dimension 0, dynamic "
                "quantization); [batch] max_size = 1 joins no calls") +
         ("; or " + kept);
}

// What runs together. Both lanes of the session, an offline one, have the example before the other and behind it; and each
// lane ends with the other, so that what a script keeps of the item that began last is the other's.
std::vector<const Example *> in_company(const Example &example, const Example &other) {
  if (&example == &other) return {&example, &example, &example};  // a lane has two
  return {&example, &other, &other, &example, &other, &other};
}

// The first answer that is not the example's, of it and another that are run together.
std::optional<Departure> run_beside(const Bundle &bundle, Session &session, const Example &example,
                                    const Example &other) {
  const Manifest &m = bundle.manifest();
  const Tolerance tolerance{m.rtol, m.atol, session.facts().options.registry};
  const std::vector<const Example *> order = in_company(example, other);
  std::vector<Work> works(order.size());
  for (size_t i = 0; i < works.size(); ++i) works[i].input = example_input(bundle, *order[i]);
  const std::vector<Result> results = run_together(session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    if (order[i] != &example) continue;
    if (auto d = compare_answer(bundle, tolerance, example, results[i])) return d;
  }
  return std::nullopt;
}

// The example beside itself and beside another, their model calls joined: an answer must not depend on its neighbours.
std::optional<Departure> run_joined_example(const Bundle &bundle, Session &session, const Example &example,
                                            const Example &other) {
  if (bundle.manifest().models.empty()) return std::nullopt;
  try {
    const std::string before = joined_failure(session);  // of other examples
    if (auto d = run_beside(bundle, session, example, example)) return d;
    const std::string failure = joined_failure(session);
    if (failure != before) {
      return Departure{"forward",
                       {"", fmt::format("the model does not take two items at once: {}; [batch] mode = \"none\" "
                                        "leaves its calls as they are",
                                        failure)}};
    }
    if (&other == &example) return std::nullopt;
    auto d = run_beside(bundle, session, example, other);
    if (d) {
      d->difference.message +=
          fmt::format("; so it is beside example {}: {}", other.name, why_neighbours_show(bundle.manifest()));
    }
    return d;
  } catch (const Error &e) { return Departure{e.stage.empty() ? "input" : e.stage, {"", with_code(e)}}; }
}

// An example is run three times: alone, alone in the opposite order of all, and joined with others: what it gives must
// not depend on that.
struct ExampleOutcome {
  static constexpr size_t runs = 3;
  std::optional<Departure> departure[runs];
  double seconds = 0;  // of all

  bool leaks() const { return !(departure[0] == departure[1]); }
  // The first run that departs; `runs`: none.
  size_t departing() const {
    size_t run = 0;
    while (run < runs && !departure[run]) ++run;
    return run;
  }
  bool equal() const { return departing() == runs; }
};

void add_departure(Entries &row, const Departure &departure) {
  const Difference &d = departure.difference;
  row.emplace_back("stage", Value::string(departure.stage));
  row.emplace_back("place", Value::string(d.place));
  row.emplace_back("message", Value::string(d.message));
  if (d.max_abs != 0) {
    row.emplace_back("max_abs", json_number(d.max_abs));
    row.emplace_back("max_rel", json_number(d.max_rel));
  }
  if (d.of == 1) return;
  row.emplace_back("differing", Value::integer(d.differing));
  row.emplace_back("of", Value::integer(d.of));
}

Value row_of(const Example &example, const ExampleOutcome &outcome) {
  Entries row{{"name", Value::string(example.name)},
              {"equal", Value::boolean(outcome.equal())},
              {"leaks", Value::boolean(outcome.leaks())},
              {"seconds", Value::number(outcome.seconds)}};
  if (!outcome.equal()) {
    const size_t run = outcome.departing();
    row.emplace_back("run", Value::integer(static_cast<int64_t>(run + 1)));
    add_departure(row, *outcome.departure[run]);
  }
  return Value::map(std::move(row));
}

std::string check_hashes(const Bundle &bundle) {
  if (!bundle.packed()) return "none";
  try {
    bundle.verify_hashes();
    return "ok";
  } catch (const Error &e) {
    if (e.code != MRUN_VERIFY && e.code != MRUN_BUNDLE) throw;
    return "failed: " + e.message;
  }
}

}  // namespace

Report verify_examples(const std::shared_ptr<const Bundle> &opened, EngineOptions options, const StartSession &start) {
  options.offline = true;  // so that examples can be joined
  options.workers = 1;     // and live in one state, where one sees what a script keeps of another
  const Bundle &bundle = *opened;
  const auto started = start(opened, std::move(options));
  Session &session = *started;
  const std::vector<Example> examples = list_examples(bundle);
  std::vector<ExampleOutcome> outcomes(examples.size());
  const auto run = [&](size_t i, size_t pass) {
    const auto begin = Clock::now();
    const Example &other = examples[(i + 1) % examples.size()];
    outcomes[i].departure[pass] =
        pass < 2 ? run_example(bundle, session, examples[i]) : run_joined_example(bundle, session, examples[i], other);
    outcomes[i].seconds += seconds_since(begin);
  };
  for (size_t i = 0; i < examples.size(); ++i) run(i, 0);
  for (size_t i = examples.size(); i-- > 0;) run(i, 1);
  for (size_t i = 0; i < examples.size(); ++i) {
    if (outcomes[i].equal()) run(i, 2);
  }
  Report report;
  std::vector<Value> rows;
  for (size_t i = 0; i < examples.size(); ++i) {
    report.equal = report.equal && outcomes[i].equal();
    rows.push_back(row_of(examples[i], outcomes[i]));
  }
  report.json = Value::list(std::move(rows));
  return report;
}

Report verify(const std::shared_ptr<const Bundle> &bundle, const EngineOptions &options, const VerifyOptions &how) {
  Report report;
  const std::string hashes = check_hashes(*bundle);
  Value examples = Value::list({});
  if (hashes.starts_with("failed")) {
    report.equal = false;
  } else if (!how.hashes_only) {
    Report run = verify_examples(bundle, options, how.start);
    report.equal = run.equal;
    examples = std::move(run.json);
  }
  report.json =
      Value::map({{"equal", Value::boolean(report.equal)}, {"hashes", Value::string(hashes)}, {"examples", examples}});
  return report;
}

std::string first_difference(const Value &examples) {
  for (const Value &row : examples.as_list()) {
    if (row.find("equal")->as_bool()) continue;
    const auto part = [&](const char *key) { return row.find(key)->as_string(); };
    const std::string where =
        fmt::format("{}{}{}: {}", part("stage"), part("place").empty() ? "" : ", at ", part("place"), part("message"));
    if (row.find("run")->as_int() == 3) {
      return fmt::format("example {} differs where its model calls are joined with those of other items, first in {}",
                         part("name"), where);
    }
    if (!row.find("leaks")->as_bool()) return fmt::format("example {} differs first in {}", part("name"), where);
    return fmt::format(
        "example {}: what it gives depends on what ran before it, so state leaks between items; in run "
        "{} it differs first in {}",
        part("name"), row.find("run")->as_int(), where);
  }
  return {};
}

}  // namespace mrun
