#include "exec/passage.h"

#include <algorithm>

#include "exec/batch/collate.h"
#include "exec/input.h"
#include "exec/watch.h"
#include "script/vm/idioms.h"
#include "script/vm/input_handles.h"
#include "value/json_look.h"
#include "value/size.h"

namespace mrun {
namespace {

constexpr size_t output_limit = size_t{256} << 20;  // bytes of one answer's JSON
constexpr int64_t emit_limit = int64_t{4} << 30;    // bytes of all that one item emits

void end_if_stopped(ItemContext &item) {
  if (const int code = item.stopped(); code != MRUN_OK) throw Error(static_cast<mrun_code>(code), "");
}

// x as the model's arguments: a list is positional, a table keyword arguments, anything else the first argument.
std::vector<Value> arguments_of(const Schema &method, const Value &x) {
  std::vector<mrun_value> positional;
  mrun_value keywords{};
  if (x.is_list()) {
    for (const Value &v : x.as_list()) positional.push_back(v.c());
  } else if (x.is_map()) {
    keywords = x.c();
  } else {
    positional.push_back(x.c());
  }
  const Arguments bound(method, positional, keywords);
  std::vector<Value> args;
  for (const mrun_value &v : bound.values()) args.push_back(Value::copy(v));
  return args;
}

// For the end of an error about a call without forward.lua: x is what the model is called with.
std::string wrong_x(const Value &x) {
  const auto is_tensor = [](const Value &v) { return v.is_tensor() || v.is_object(); };
  if (x.is_nil()) return "; x, the model's argument, is nil: preprocess returned nothing";
  if (x.is_list() && std::none_of(x.as_list().begin(), x.as_list().end(), is_tensor)) {
    return "; x is a list, and so the list of the model's arguments: torch.tensor(list) makes one tensor of numbers";
  }
  if (x.is_tensor()) return "; x is one tensor: several arguments are a list, {a, b}, or a table by name";
  return x.is_list() || x.is_map() ? "" : "; x, what preprocess returned or the input, is the model's argument";
}

// The call of a bundle with models and without forward.lua.
PendingCall default_call(const std::vector<std::unique_ptr<Model>> &models, const Value &x) {
  const Model &model = *models.front();  // the only one, which has it (check_forward)
  const auto method = model.find("forward");
  PendingCall call;
  call.method = method.value();
  try {
    call.args = arguments_of(script_schema(model.methods()[*method], model.batch(*method)), x);
  } catch (Error &e) {
    e.message += filled_in_hint(e.message) + wrong_x(x);
    throw;
  }
  return call;
}

Error internal_error(const std::exception &e) noexcept {
  try {
    return {MRUN_INTERNAL, e.what()};
  } catch (const std::bad_alloc &) { return {MRUN_MEMORY, "out of memory"}; }
}

// It is no fault of the input, though it is the first thing that an item does.
std::unique_ptr<Model> copy_of(const Model &model) {
  try {
    return model.keeps_state() ? model.fresh() : nullptr;
  } catch (Error &e) {
    e.stage = "engine";
    throw;
  }
}

std::string answer_line(const Value &answer, ItemContext &item) {
  JsonOptions options;
  options.max_bytes = output_limit;
  return to_json(answer, options, [&] { end_if_stopped(item); });
}

}  // namespace

Passage::Passage(const Loaded &loaded, State &state, const Work &work, std::shared_ptr<ItemContext> item,
                 int64_t skip_emits, int64_t last_moment)
    : loaded_(loaded),
      state_(state),
      work_(work),
      item_(std::move(item)),
      skip_emits_(skip_emits),
      last_moment_(last_moment) {}

Passage::~Passage() {
  // In this order: input_handles.h wants the item's last fiber gone.
  fiber_.reset();
  mrun::end_input(root_);
}

const char *Passage::stage() const {
  constexpr const char *names[] = {"input", "preprocess", "forward", "postprocess", "answer", "answer"};
  return names[static_cast<int>(at_)];
}

double *Passage::time_of_stage() {
  Timings &t = result_.timings;
  return at_ <= At::preprocess ? &t.preprocess : at_ == At::forward ? &t.forward : &t.postprocess;
}

// The item's own time runs: `sharers` times as slowly where it shares a joined call.
void Passage::limit(double seconds, int sharers, Clock::time_point now) {
  constexpr double forever = 1e9;  // seconds; beyond it a deadline would overflow the clock
  const double rest = seconds <= 0 || seconds >= forever ? forever : (seconds - seconds_) * sharers;
  began_ = now;
  int64_t end = last_moment_;
  if (rest < forever) {
    const auto span = std::chrono::nanoseconds(static_cast<int64_t>(std::max(rest, 0.0) * 1e9));
    end = std::min(end, (began_.time_since_epoch() + span).count());
  }
  item_->deadline.store(end, std::memory_order_relaxed);
  if (Watch *watch = loaded_.options.watch) watched_ = watch->begins(work_.tag, end, stage());
}

void Passage::begin_share(int sharers, Clock::time_point now) {
  limit(work_.timeout > 0 ? work_.timeout : loaded_.options.timeout, sharers, now);
}

// What has passed since the last time is the current stage's: of a joined call the item's share, since what it costs alone
// cannot be known.
void Passage::credit(int sharers, Clock::time_point now) {
  const double share = std::chrono::duration<double>(now - std::exchange(began_, now)).count() / sharers;
  seconds_ += share;
  *time_of_stage() += share;
}

void Passage::stop_clock(int sharers, Clock::time_point now) {
  credit(sharers, now);
  if (watched_ >= 0) loaded_.options.watch->ends(std::exchange(watched_, -1));
  // Raised now, before the deadline goes: between slices nobody looks at the clock, and waiting costs an item nothing.
  item_->stopped(now);
  item_->deadline.store(std::numeric_limits<int64_t>::max(), std::memory_order_relaxed);
}

void Passage::end_share(int sharers, Clock::time_point now, double waited) {
  stop_clock(sharers, now);
  result_.timings.batch += waited;
  result_.timings.batch_size = std::max(result_.timings.batch_size, sharers);
}

// What it throws inside, a bug or no memory included, ends this item and no other.
Passage::Step Passage::step(Clock::time_point now) {
  begin_share(1, now);
  if (call_) spare_key_ = std::move(call_->key);
  call_.reset();
  Step step = Step::done;
  try {
    step = go_on();
  } catch (Error &e) { fail_with(std::move(e)); } catch (const std::bad_alloc &) {
    fail_with(Error(MRUN_MEMORY, "out of memory"));
  } catch (const std::exception &e) { fail_with(internal_error(e)); }
  if (result_.ok()) stop_clock(1, Clock::now());  // else fail_with() has
  if (step == Step::done) {                       // what it held is free before the next slice
    fiber_.reset();
    call_.reset();
    x_ = context_ = output_ = Value();
  }
  return step;
}

Passage::Step Passage::go_on() {
  for (;;) {
    if (fiber_ != nullptr) {
      if (const auto stop = run_fiber()) {
        if (*stop == Step::waiting) prepare_call();
        return *stop;
      }
    } else if (begun_) {  // the default forward's call has been answered
      Outcome outcome = *std::exchange(given_, std::nullopt);
      if (outcome.error) throw Error(*outcome.error);
      end(std::move(outcome.results));
    }
    if (at_ == At::end) return Step::done;
    end_if_stopped(*item_);
    begun_ = begin();
    if (!call_) continue;
    prepare_call();
    return Step::waiting;
  }
}

// A slice of the stage's coroutine; nothing where the stage has ended.
std::optional<Passage::Step> Passage::run_fiber() {
  Fiber::Status status;
  if (std::optional<Outcome> outcome = std::exchange(given_, std::nullopt)) {
    status = outcome->error ? fiber_->resume(*outcome->error) : fiber_->resume(std::move(outcome->results));
  } else {
    status = fiber_->resume();
  }
  switch (status) {
    case Fiber::Status::preempted: return Step::preempted;
    case Fiber::Status::waiting: call_ = pending(std::move(fiber_->call())); return Step::waiting;
    case Fiber::Status::failed: throw Error(fiber_->error());
    case Fiber::Status::finished: break;
  }
  std::vector<Value> results = std::move(fiber_->results());
  fiber_.reset();
  end(std::move(results));
  return std::nullopt;
}

bool Passage::begin() {
  if (watched_ >= 0) loaded_.options.watch->moves(watched_, stage());
  switch (at_) {
    case At::input: return begin_input();
    case At::preprocess: return begin_stage(Stage::preprocess, {std::exchange(x_, Value())});
    case At::forward: return begin_forward();
    case At::postprocess: return begin_stage(Stage::postprocess, {std::exchange(output_, Value()), context_});
    default: return begin_answer();
  }
}

bool Passage::begin_input() {
  for (const auto &model : loaded_.models) fresh_.push_back(copy_of(*model));
  mrun::begin_input(root_, *item_);
  x_ = check_input(loaded_.bundle->manifest(), work_.input, root_);
  at_ = At::preprocess;
  return false;
}

// A stage without a file passes its first argument on.
bool Passage::begin_stage(Stage stage, std::vector<Value> args) {
  if (!state_.has(stage)) {
    args.resize(1);
    end(std::move(args));
    return false;
  }
  fiber_ = state_.start(stage, std::move(args), item_, [this](Value v) { emit(std::move(v)); });
  return true;
}

// Counted whether or not anybody listens: an item must not end otherwise for that.
void Passage::emit(Value v) {
  const int64_t bytes = bytes_of(v.c());
  if (bytes > emit_limit - emitted_) { fail(MRUN_QUOTA, "emit: all that an item emits may take {} bytes", emit_limit); }
  emitted_ += bytes;
  if (emits_++ >= skip_emits_ && work_.emit) work_.emit(std::move(v));
}

bool Passage::begin_forward() {
  if (state_.has(Stage::forward) || loaded_.models.empty()) {
    return begin_stage(Stage::forward, {std::exchange(x_, Value()), context_});
  }
  call_ = default_call(loaded_.models, x_);
  return true;
}

bool Passage::begin_answer() {
  if (work_.json) result_.json = answer_line(result_.answer, *item_);
  if (!work_.answer) result_.answer = Value();
  at_ = At::end;
  return false;
}

void Passage::end(std::vector<Value> results) {
  credit(1, Clock::now());
  begun_ = false;
  // Of a model that gives several tensors postprocess gets one list.
  if (at_ == At::forward && results.size() != 1) results = {Value::list(std::move(results))};
  results.resize(2);
  switch (at_) {
    case At::preprocess:
      x_ = std::move(results[0]);
      context_ = std::move(results[1]);
      if (work_.observe) work_.observe("preprocess", x_);
      at_ = At::forward;
      break;
    case At::forward:
      output_ = std::move(results[0]);
      x_ = Value();
      if (work_.observe) work_.observe("forward", output_);
      at_ = At::postprocess;
      break;
    default: result_.answer = std::move(results[0]); at_ = At::answer;
  }
}

void Passage::prepare_call() {
  const Model &m = model();
  const BatchConfig &config = m.batch(call_->method, call_->by_rows);
  call_->key = std::move(spare_key_);
  prepare(*call_, m.methods()[call_->method], config, config.exact);
}

Model &Passage::model() {
  Model *own = fresh_[call_->model].get();
  return own != nullptr ? *own : *loaded_.models[call_->model];
}

void Passage::give(Outcome outcome) { given_ = std::move(outcome); }

void Passage::say_which_limit(Error &e) const {
  if (e.code != MRUN_TIMEOUT || item_->stop.load() != MRUN_TIMEOUT) return;
  const double limit = work_.timeout > 0 ? work_.timeout : loaded_.options.timeout;
  const std::string where = e.script.empty() ? "" : fmt::format("{}:{}: ", e.script, e.line);
  // An item may be found late a moment after its time was counted: that it was within its limit proves no deadline.
  const bool late = work_.deadline > 0 && (limit <= 0 || seconds_ < limit);
  e.message = late ? fmt::format("{}the item was not answered before its deadline", where)
                   : fmt::format("{}the item took longer than its limit of {} s (--timeout; timeout of mrun_options)",
                                 where, limit);
}

// Without memory for more the error says less, and without any it is what Failure makes of it; it is there all the same.
void Passage::fail_with(Error e) noexcept {
  stop_clock(1, Clock::now());
  result_.answer = Value();
  result_.json.clear();
  try {
    if (e.stage.empty()) e.stage = at_ >= At::answer ? "postprocess" : stage();
    say_which_limit(e);
    if (e.message.empty()) e.message = e.code == MRUN_CANCELLED ? "cancelled" : "the item was ended";
  } catch (const std::bad_alloc &) {
    if (e.message.empty()) e.message = "out of memory";
  }
  result_.error = std::move(e);
}

}  // namespace mrun
