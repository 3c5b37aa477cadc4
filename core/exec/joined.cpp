#include "exec/joined.h"

#include <algorithm>
#include <limits>

#include "exec/batch/context.h"
#include "exec/batch/rows.h"
#include "exec/batch/split.h"
#include "exec/exact.h"

namespace mrun {
namespace {

using Mode = BatchConfig::Mode;

// Authors who know PyTorch write the batch dimension themselves; [batch] mode "stack" then adds a second one.
std::string stack_hint(const PendingCall &call) {
  bool tensors = false;
  for (const Value &v : call.args) {
    if (!v.is_tensor()) continue;
    tensors = true;
    if (v.as_tensor().dim() == 0 || v.as_tensor().size(0) != 1) {
      return "; [batch] mode \"stack\" put the batch in front of each tensor's dimensions";
    }
  }
  if (!tensors) return "";
  return "; every tensor given has a first dimension of 1, and [batch] mode \"stack\" adds the batch's in front of it: "
         "give one item, without a batch dimension, or set mode = \"none\", which leaves calls as they are";
}

void explain(Error &e, const BatchConfig &config, const PendingCall &call) {
  if (e.code == MRUN_MODEL && config.mode == Mode::stack && e.message.find("[batch]") == std::string::npos)
    e.message += stack_hint(call);
}

int64_t elements(CallArguments args) {
  int64_t n = 0;
  for (const Value &v : args) n += v.is_tensor() ? v.as_tensor().numel() : 0;
  return n;
}

// Where a call has no tensor, the batch's is `lengths` or `mask`: told, not filled.
void count_filling(const Batch &batch, JoinedRun &run) {
  int64_t given = 0, whole = 0;
  for (const CallArguments call : batch.calls) given += elements(call);
  for (size_t i = 0; i < batch.args.size(); ++i) {
    if (batch.calls.front()[i].is_tensor()) whole += elements({&batch.args[i], 1});
  }
  run.given += given;
  run.filled += std::max<int64_t>(whole - given, 0);
}

// How many rows a batch of these calls is filled up to and has at the most; 0: they need not be exact. Proven by a call
// that has rows: one without says nothing of the others of its key.
int64_t rows_if_exact(Model &model, std::span<const JoinedCall> calls) {
  const PendingCall &first = *calls.front().call;
  if (first.alone || !model.batch(first.method, first.by_rows).exact) return 0;
  const auto some = std::ranges::find_if(calls, [](const JoinedCall &c) { return c.call->rows > 0; });
  return some == calls.end() ? exact_rows : want_exact(model, *some->call, *some->item);
}

std::vector<std::vector<Value>> run_once(Model &model, std::span<const JoinedCall> calls, JoinedRun &run) {
  const PendingCall &first = *calls.front().call;
  const Schema &schema = model.methods()[first.method];
  const BatchConfig &config = model.batch(first.method, first.by_rows);
  std::vector<ItemContext *> items;
  std::vector<CallArguments> arguments;
  items.reserve(calls.size());
  arguments.reserve(calls.size());
  for (const JoinedCall &c : calls) {
    items.push_back(c.item);
    arguments.emplace_back(c.call->args);
  }
  BatchContext context(std::move(items));
  const Batch batch = collate(schema, config, std::move(arguments), {context.budget(), rows_if_exact(model, calls)});
  count_filling(batch, run);
  std::vector<Value> results =
      with_tensors(config, model.registry(), model.run(context, first.method, batch.args), context);
  return split(schema, config, batch, results, context.budget());
}

Outcome run_alone(Model &model, const JoinedCall &call, JoinedRun &run) {
  Outcome outcome;
  try {
    outcome.results = std::move(run_once(model, {&call, 1}, run).front());
  } catch (const Error &e) {
    outcome.error = e;
    explain(*outcome.error, model.batch(call.call->method, call.call->by_rows), *call.call);
  }
  return outcome;
}

// One of several: not where its item has ended meanwhile, since those before it may be many, and a model need not look.
Outcome run_next(Model &model, const JoinedCall &call, JoinedRun &run) {
  const int code = call.item->stopped();
  if (code == MRUN_OK) return run_alone(model, call, run);
  Outcome outcome;
  outcome.error = Error(static_cast<mrun_code>(code), "");
  return outcome;
}

// A call of more rows than a batch may have, part by part: views of its arguments, under its own key.
Outcome run_in_parts(Model &model, const JoinedCall &call, int64_t most, JoinedRun &run) {
  std::vector<std::vector<Value>> parts;
  for (int64_t from = 0; from < call.call->rows; from += most) {
    PendingCall part = *call.call;
    part.rows = std::min(most, call.call->rows - from);
    for (Value &v : part.args) v = rows_of(v, from, part.rows);
    Outcome outcome = run_next(model, {&part, call.item}, run);
    if (outcome.error) return outcome;
    parts.push_back(std::move(outcome.results));
  }
  Outcome whole;
  try {
    for (size_t i = 0; i < parts.front().size(); ++i) {
      std::vector<const Value *> column;
      for (const std::vector<Value> &p : parts) column.push_back(&p[i]);
      whole.results.push_back(join_rows(column, fmt::format("result {}", i + 1), call.item->budget));
    }
  } catch (const Error &e) {
    if (e.code == MRUN_MODEL) return run_next(model, call, run);  // these results are of all rows together
    whole.error = e;
  }
  return whole;
}

// What makes a joined call fail may be one item's (a token beyond the vocabulary, its memory): the others must not pay for
// it with more than the time.
void run_batch(Model &model, std::span<const JoinedCall> calls, int64_t most, JoinedRun &run) {
  if (calls.size() > 1) {
    const size_t before = run.outcomes.size();
    try {
      for (std::vector<Value> &results : run_once(model, calls, run)) run.outcomes.push_back({std::move(results), {}});
      return;
    } catch (const Error &e) {
      run.outcomes.resize(before);
      run.failure = e;
    }
  }
  const auto run_one = calls.size() > 1 ? run_next : run_alone;
  for (const JoinedCall &c : calls) {
    const BatchConfig &config = model.batch(c.call->method, c.call->by_rows);
    const int64_t part = std::min(config.max_size, most);
    const bool large = config.mode == Mode::concat && c.call->rows > part && !c.call->alone;
    run.outcomes.push_back(large ? run_in_parts(model, c, part, run) : run_one(model, c, run));
  }
}

constexpr int64_t any_number = std::numeric_limits<int64_t>::max();

// How many rows a batch of these calls may have. Where they are not exact, run_batch tells each of them so.
int64_t most_rows(Model &model, std::span<const JoinedCall> calls) {
  try {
    const int64_t rows = rows_if_exact(model, calls);
    return rows > 0 ? rows : any_number;
  } catch (const Error &) { return any_number; }
}

// How many of the calls make a batch of at most so many rows: at least one.
size_t fitting(Model &model, std::span<const JoinedCall> calls, int64_t most) {
  const PendingCall &first = *calls.front().call;
  const bool concat = model.batch(first.method, first.by_rows).mode == Mode::concat;
  int64_t rows = 0;
  size_t n = 0;
  for (; n < calls.size() && rows <= most; ++n) rows += concat ? calls[n].call->rows : 1;
  return rows <= most ? n : std::max<size_t>(n - 1, 1);
}

}  // namespace

JoinedRun run_joined(Model &model, std::span<const JoinedCall> calls) {
  JoinedRun run;
  run.outcomes.reserve(calls.size());
  const int64_t most = most_rows(model, calls);
  while (!calls.empty()) {
    const size_t n = fitting(model, calls, most);
    run_batch(model, calls.first(n), most, run);
    calls = calls.subspan(n);
  }
  return run;
}

}  // namespace mrun
