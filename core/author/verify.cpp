#include "author/verify.h"

#include <chrono>

namespace mrun {
namespace {

using Entries = std::vector<std::pair<std::string, Value>>;

void add_difference(Entries &row, const std::string &stage, const Difference &d) {
  row.emplace_back("stage", Value::string(stage));
  row.emplace_back("place", Value::string(d.place));
  row.emplace_back("message", Value::string(d.message));
  if (d.max_abs == 0) return;
  row.emplace_back("max_abs", Value::number(d.max_abs));
  row.emplace_back("max_rel", Value::number(d.max_rel));
  row.emplace_back("differing", Value::integer(d.differing));
  row.emplace_back("of", Value::integer(d.of));
}

const Value *find(const Entries &entries, std::string_view name) {
  for (const auto &[key, value] : entries) {
    if (key == name) return &value;
  }
  return nullptr;
}

// The first recorded tensor of the stage that differs from what the stage gave now.
std::optional<Difference> compare_stage(const Value &recorded, const Entries &now, const std::string &stage,
                                        const Tolerance &tolerance) {
  for (const Entry &e : recorded.as_map()) {
    const std::string name(e.key());
    if (name != stage && !name.starts_with(stage + ".")) continue;
    const Value *got = find(now, name);
    if (got == nullptr) return Difference{name, "recorded, but missing now"};
    if (auto d = compare(e.value(), *got, tolerance, name)) return d;
  }
  return std::nullopt;
}

void compare_example(const Bundle &bundle, const Example &example, const Recorded &now, Entries &row) {
  const Manifest &m = bundle.manifest();
  const Tolerance tolerance{m.rtol, m.atol};
  const Value recorded = example_stages(bundle, example);
  for (const char *stage : {"preprocess", "forward"}) {
    if (const auto d = compare_stage(recorded, now.stages, stage, tolerance)) return add_difference(row, stage, *d);
  }
  if (!now.result.ok()) {
    return add_difference(row, now.result.error.stage,
                          {"", fmt::format("{}: {}", code_name(now.result.error.code), now.result.error.message)});
  }
  const Value answer = answer_as_json(now.result.answer);
  if (const auto d = compare(example_answer(bundle, example), answer, tolerance, "answer")) {
    add_difference(row, "postprocess", *d);
  }
}

Value verify_example(const Bundle &bundle, Engine &engine, const Example &example, bool &equal) {
  Entries row{{"name", Value::string(example.name)}};
  const auto begin = std::chrono::steady_clock::now();
  try {
    compare_example(bundle, example, run_recorded(engine, example_input(bundle, example), 0), row);
  } catch (const Error &e) {
    add_difference(row, e.stage.empty() ? "input" : e.stage, {"", fmt::format("{}: {}", code_name(e.code), e.message)});
  }
  equal = row.size() == 1;
  row.emplace_back("equal", Value::boolean(equal));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  row.emplace_back("seconds", Value::number(took.count()));
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

Report verify_examples(const Bundle &bundle, Engine &engine) {
  Report report;
  std::vector<Value> rows;
  for (const Example &example : list_examples(bundle)) {
    bool equal = true;
    rows.push_back(verify_example(bundle, engine, example, equal));
    report.equal = report.equal && equal;
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
    Engine engine(bundle, options);
    Report run = verify_examples(*bundle, engine);
    report.equal = run.equal;
    examples = std::move(run.json);
  }
  report.json =
      Value::map({{"equal", Value::boolean(report.equal)}, {"hashes", Value::string(hashes)}, {"examples", examples}});
  return report;
}

}  // namespace mrun
