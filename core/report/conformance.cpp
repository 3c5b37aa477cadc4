#include "report/conformance.h"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <mrun/message.hpp>

#include "base/text.h"
#include "report/conformance_problems.h"
#include "report/conformance_values.h"

namespace mrun {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto grace = std::chrono::seconds(5);  // a busy machine's
constexpr size_t windows = 3;                    // of repeats; caches fill in the first
constexpr int most_again = 4;                    // calls that must all leave something behind
constexpr size_t page = 4096;

}  // namespace

Trial try_call(const std::function<std::vector<Value>(ItemContext &)> &f) {
  Trial trial;
  ItemContext item;
  item.budget = std::make_shared<Budget>(trial_memory);
  const auto begin = Clock::now();
  item.deadline = std::chrono::nanoseconds((begin + trial_time).time_since_epoch()).count();
  try {
    trial.results = f(item);
  } catch (const Error &e) { trial.error = e; } catch (const std::bad_alloc &) {
    trial.error = Error(MRUN_MEMORY, "out of memory");
  }
  trial.took = Clock::now() - begin;
  if (!trial.ok()) trial.still_charged = item.budget->used();
  return trial;
}

void Problems::problem(const std::string &subject, const std::string &text) {
  if (!seen_.insert(subject + "\n" + text).second) return;
  problems_.push_back(Value::map({{"operation", Value::string(subject)}, {"text", Value::string(text)}}));
}

Trial Problems::attempt(const std::string &subject, const std::string &what,
                        const std::function<std::vector<Value>(ItemContext &)> &f, bool called) {
  note(subject, what);
  ++calls_;
  const ProcessState state;
  const LeftBehind before;
  Trial trial = try_call(f);
  for (const std::string &done : lent_.mend()) problem(subject, what + ": " + done);
  for (const std::string &done : state.mend()) problem(subject, what + ": " + done);
  for (const Value &v : trial.results) {
    if (const std::string wrong = unlawful(v); !wrong.empty()) problem(subject, what + ": gives " + wrong);
  }
  if (called) judge_left(subject, what, before, f);
  if (called && trial.took > trial_time + grace) {
    problem(subject, what + ": goes on long after its time is over: poll host->stopped");
  }
  if (trial.still_charged != 0) problem(subject, what + ": fails and leaves memory charged");
  if (!trial.ok()) judge_failure(subject, what, trial.error);
  return trial;
}

// Caches, and the threads of a pool, are made once: it is what more calls leave, and every one of them.
void Problems::judge_left(const std::string &subject, const std::string &what, const LeftBehind &before,
                          const std::function<std::vector<Value>(ItemContext &)> &f) {
  std::vector<std::string> left = LeftBehind::since(before);
  for (int again = 0; !left.empty() && again < most_again; ++again) {
    const LeftBehind earlier;
    try_call(f);
    const std::vector<std::string> now = LeftBehind::since(earlier);
    std::erase_if(left, [&](const std::string &one) { return std::find(now.begin(), now.end(), one) == now.end(); });
  }
  for (const std::string &one : left) problem(subject, what + ": " + one + ", each time");
  if (!left.empty()) leaving_.insert(subject);
}

void Problems::judge_failure(const std::string &subject, const std::string &what, const Error &e) {
  const std::string text = printable(e.message);
  if (e.code == MRUN_INTERNAL) problem(subject, what + ": INTERNAL: " + text);
  if (e.message.empty()) problem(subject, what + ": fails without a message");
  if (e.message.find("0x") != std::string::npos) problem(subject, what + ": an address in its message: " + text);
}

namespace {

// Bytes that the process has from malloc, whoever's that is: tcmalloc leaves the C library's count at what it was.
size_t bytes_taken() {
  using GetNumericProperty = int (*)(const char *, size_t *);
  static const auto property =
      reinterpret_cast<GetNumericProperty>(dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
  size_t bytes = 0;
  if (property != nullptr && property("generic.current_allocated_bytes", &bytes) != 0) return bytes;
  return mallinfo2().uordblks;
}

}  // namespace

void Problems::check_growth(const std::string &subject, size_t count, size_t tolerable,
                            const std::function<void()> &calls) {
  size_t grown = SIZE_MAX, mapped = SIZE_MAX;
  for (size_t window = 0; window < windows; ++window) {
    const size_t before = bytes_taken(), mapped_before = bytes_mapped();
    for (int i = 0; i < trial_repeats; ++i) {
      note(subject, "again and again");
      calls();
    }
    const size_t after = bytes_taken(), mapped_after = bytes_mapped();
    grown = std::min(grown, after > before ? after - before : 0);
    mapped = std::min(mapped, mapped_after > mapped_before ? mapped_after - mapped_before : 0);
  }
  add_calls(windows * trial_repeats * count);
  for (const std::string &done : lent_.mend()) problem(subject, "again and again: " + done);
  if (grown >= trial_repeats * tolerable) {
    problem(subject, "keeps " + counted(grown / (trial_repeats * count), "byte") + " a call");
  } else if (mapped >= trial_repeats * page) {
    problem(subject, fmt::format("leaves {} bytes mapped a call", mapped / (trial_repeats * count)));
  }
}

Value check_conformance(Registry &registry, const std::filesystem::path &path,
                        const std::shared_ptr<const Bundle> &bundle, const ConformanceNote &note) {
  Problems problems(note);
  const ProcessState state;
  const Plugin &plugin = registry.load(path);
  for (const std::string &done : state.mend()) problems.problem("", "as it is loaded: " + done);
  if (plugin.version.empty()) problems.problem("", "the plugin has no version");
  if (plugin.doc.empty()) problems.problem("", "the plugin has no doc");
  const Counted operations = check_operations(registry, plugin, problems);
  const Counted models = check_models(registry, plugin, bundle, problems);
  return Value::map({{"plugin", Value::string(plugin.name)},
                     {"version", Value::string(plugin.version)},
                     {"operations", Value::integer(operations.checked)},
                     {"models", Value::integer(models.checked)},
                     {"calls", Value::integer(problems.calls())},
                     {"answered", Value::integer(operations.answered + models.answered)},
                     {"problems", problems.problems()}});
}

}  // namespace mrun
