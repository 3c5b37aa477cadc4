#include "report/conformance.h"

#include <algorithm>

#include <dlfcn.h>
#include <malloc.h>

#include "base/text.h"
#include "report/conformance_problems.h"

namespace mrun {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto grace = std::chrono::seconds(5);  // a busy machine's
constexpr size_t windows = 3;                    // of repeats; caches fill in the first

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
                        const std::function<std::vector<Value>(ItemContext &)> &f, bool polls) {
  note(subject, what);
  ++calls_;
  Trial trial = try_call(f);
  if (polls && trial.took > trial_time + grace) {
    problem(subject, what + ": goes on long after its time is over: poll host->stopped");
  }
  if (trial.still_charged != 0) problem(subject, what + ": fails and leaves memory charged");
  if (!trial.ok()) judge_failure(subject, what, trial.error);
  return trial;
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
  size_t grown = SIZE_MAX;
  for (size_t window = 0; window < windows; ++window) {
    const size_t before = bytes_taken();
    for (int i = 0; i < trial_repeats; ++i) {
      note(subject, "again and again");
      calls();
    }
    const size_t after = bytes_taken();
    grown = std::min(grown, after > before ? after - before : 0);
  }
  add_calls(windows * trial_repeats * count);
  if (grown >= trial_repeats * tolerable) {
    problem(subject, fmt::format("keeps {} bytes a call", grown / (trial_repeats * count)));
  }
}

Value check_conformance(Registry &registry, const Plugin &plugin, const std::shared_ptr<const Bundle> &bundle,
                        const ConformanceNote &note) {
  Problems problems(note);
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
