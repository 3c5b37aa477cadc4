#include "plugin/call.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "plugin/registry.h"
#include "plugin/serial.h"
#include "value/foreign.h"
#include "value/object.h"

int mrun_call::stopped() noexcept {
  int code = item.stopped();
  if (code != MRUN_OK || batch.empty()) return code;
  for (mrun::ItemContext *one : batch) {
    code = one->stopped();
    if (code == MRUN_OK) return MRUN_OK;
  }
  return code;
}

namespace mrun {
namespace {

constexpr uint32_t most_log_lines = 100;
constexpr size_t longest_log_line = 4000;

thread_local size_t modes_left = 0;

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes every bit into every other. `golden` is its
// step, 2^64 over the golden ratio.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t golden = 0x9e3779b97f4a7c15u;

const char *silent_reason(int code) {
  switch (code) {
    case MRUN_TIMEOUT: return "stopped: the time limit is over";
    case MRUN_CANCELLED: return "stopped: the run was cancelled";
    case MRUN_MEMORY: return "out of memory";
    case MRUN_QUOTA: return "needs more memory than is allowed for an item";
    default: return "failed and gave no reason";
  }
}

[[noreturn]] void refuse(const Schema &schema, const Parameter *p, mrun_code code, const std::string &what) {
  Error e(code, p == nullptr ? fmt::format("{}: {}", schema.name, what)
                             : fmt::format("{}: {}: {}", schema.name, p->name, what));
  e.operation = schema.full_name();
  if (p != nullptr) e.argument = p->name;
  throw e;
}

// ---- which overload

[[noreturn]] void no_overload(const OperationSet &set, std::span<const mrun_value> positional,
                              const mrun_value &keywords) {
  if (keywords.kind == MRUN_MAP) {
    // A keyword that no form has, or takes with this value, is what has to be changed.
    std::vector<const Schema *> forms;
    for (const Operation *op : set.overloads) forms.push_back(&op->schema);
    for (size_t i = 0; i < keywords.as.map.size; ++i) refuse_keyword(set.name, forms, keywords.as.map.items[i]);
  }
  std::string given;
  for (const mrun_value &v : positional) given += (given.empty() ? "" : ", ") + describe(v);
  if (keywords.kind == MRUN_MAP) {
    for (size_t i = 0; i < keywords.as.map.size; ++i) {
      const mrun_entry &e = keywords.as.map.items[i];
      given += fmt::format("{}{} = {}", given.empty() ? "" : ", ", printable({e.key.data, e.key.size}, 60),
                           describe(e.value));
    }
  }
  std::string text = fmt::format("{}: no form takes ({}); there are:", set.name, printable(given, 500));
  constexpr size_t most = 8;
  for (size_t i = 0; i < set.overloads.size() && i < most; ++i) text += " " + set.overloads[i]->schema.text() + ";";
  if (set.overloads.size() > most) text += fmt::format(" and {} more;", set.overloads.size() - most);
  text.pop_back();
  Error e(MRUN_ARGUMENT, std::move(text));
  e.operation = set.name;
  throw e;
}

// The lowest cost; overloads are sorted by name, so the first of equals is the one whose name comes first.
const Operation &choose(const OperationSet &set, std::span<const mrun_value> positional, const mrun_value &keywords) {
  if (set.overloads.size() == 1) return *set.overloads[0];
  const Operation *best = nullptr;
  int lowest = 0;
  for (const Operation *op : set.overloads) {
    const int cost = fit(op->schema, positional, keywords);
    if (cost < 0 || (best != nullptr && cost >= lowest)) continue;
    best = op;
    lowest = cost;
  }
  if (best == nullptr) no_overload(set, positional, keywords);
  return *best;
}

// ---- objects that stand for tensors

// Names the type, as the operation's name says nothing of it.
Error to_tensor_error(const mrun_object &object, mrun_call &call, int code) {
  Error e = take_error(call, code);
  const std::string type = object.type->name;
  if (e.message.compare(0, type.size(), type) != 0) e.message = fmt::format("{}: to_tensor: {}", type, e.message);
  return e;
}

// The tensor, once another item's call has made it, however long that takes; nothing where this thread has to make it.
Tensor await_tensor(mrun_object &object, mrun_call &call) {
  const ExclusiveLock lock(object.mutex);
  while (object.maker != std::thread::id()) {
    if (object.maker == std::this_thread::get_id()) {
      fail(MRUN_USAGE, "{}: to_tensor wants its own object's tensor", object.type->name);
    }
    object.told.wait_until(object.mutex, std::chrono::steady_clock::now() + stop_look);
    if (const int code = call.stopped(); code != MRUN_OK)
      throw Error(static_cast<mrun_code>(code), silent_reason(code));
  }
  if (!object.tensor.is_tensor()) object.maker = std::this_thread::get_id();
  return object.tensor;
}

void tell_tensor(mrun_object &object, Tensor made) {
  {
    const ExclusiveLock lock(object.mutex);
    object.tensor = std::move(made);
    object.maker = std::thread::id();
  }
  object.told.notify_all();
}

Tensor make_tensor(const mrun_object &object, mrun_call &call) {
  Value made;
  const auto [code, wrong] =
      run_native(object.type->name, {&made, 1}, [&] { return object.type->to_tensor(&call, object.self, made.out()); });
  if (code != MRUN_OK) throw to_tensor_error(object, call, code);
  if (!wrong.empty()) fail(MRUN_INTERNAL, "{}: to_tensor: {}", object.type->name, wrong);
  if (!made.is_tensor()) fail(MRUN_INTERNAL, "{}: to_tensor gave {}", object.type->name, describe(made.c()));
  return Tensor(std::move(made));
}

}  // namespace

Tensor tensor_of(mrun_object &object, mrun_call &call) {
  Tensor tensor = await_tensor(object, call);
  if (tensor.is_tensor()) return tensor;
  try {
    tensor = make_tensor(object, call);
  } catch (...) {
    tell_tensor(object, Tensor());
    throw;
  }
  tell_tensor(object, tensor);
  return tensor;
}

namespace {

Value with_tensors(const Type &type, const mrun_value &v, mrun_call &call) {
  if (v.kind == MRUN_OBJECT) return tensor_of(*v.as.object, call);
  if (v.kind == MRUN_LIST) {
    std::vector<Value> items;
    for (size_t i = 0; i < v.as.list.size; ++i) items.push_back(with_tensors(type, v.as.list.items[i], call));
    return Value::list(std::move(items));
  }
  if (v.kind == MRUN_MAP) {
    std::vector<std::pair<std::string, Value>> entries;
    for (size_t i = 0; i < v.as.map.size; ++i) {
      const mrun_entry &e = v.as.map.items[i];
      entries.emplace_back(std::string(e.key.data, e.key.size), with_tensors(*type.element, e.value, call));
    }
    return Value::map(std::move(entries));
  }
  return Value::copy(v);
}

void resolve(const Schema &schema, Arguments &args, mrun_call &call) {
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const Type &type = schema.parameters[i].type;
    const Base base = type.base == Base::dict ? type.element->base : type.base;
    if (base == Base::tensor) args.replace(i, with_tensors(type, args.values()[i], call));
  }
}

// ---- what else is checked before native code runs

void refuse_readonly(const Schema &schema, std::span<const mrun_value> args) {
  const auto check = [&](const Parameter &p, const mrun_value &v) {
    if (v.kind != MRUN_TENSOR || (v.flags & MRUN_READONLY) == 0) return;
    refuse(schema, &p, MRUN_ARGUMENT,
           "is written in place, but this tensor is read-only (it belongs to the input, an asset, the params or a "
           "context); clone it first");
  };
  for (size_t i = 0; i < args.size(); ++i) {
    const Parameter &p = schema.parameters[i];
    if (!p.type.written) continue;
    check(p, args[i]);
    if (args[i].kind != MRUN_LIST) continue;
    for (size_t k = 0; k < args[i].as.list.size; ++k) check(p, args[i].as.list.items[k]);
  }
}

// While an operation runs, its arguments of types that are not shareable are its own.
class Busy {
 public:
  Busy(const Schema &schema, std::span<const mrun_value> args) {
    taken_.reserve(args.size());  // before any is taken: what was taken would stay so where this throws
    for (size_t i = 0; i < args.size(); ++i) {
      if (schema.parameters[i].type.base != Base::object || args[i].kind != MRUN_OBJECT) continue;
      mrun_object &object = *args[i].as.object;
      if (object.shareable() || contains(object)) continue;
      if (object.busy.exchange(true, std::memory_order_acquire)) {
        release();
        refuse(schema, &schema.parameters[i], MRUN_USAGE,
               fmt::format("this {} is in use: an operation on it has not returned yet", object.type->name));
      }
      taken_.push_back(&object);
    }
  }
  ~Busy() { release(); }
  Busy(const Busy &) = delete;
  Busy &operator=(const Busy &) = delete;

 private:
  bool contains(const mrun_object &object) const {
    for (const mrun_object *taken : taken_) {
      if (taken == &object) return true;
    }
    return false;
  }
  void release() {
    for (mrun_object *object : taken_) object->busy.store(false, std::memory_order_release);
    taken_.clear();
  }
  std::vector<mrun_object *> taken_;
};

// What one operation changes in a call that may already serve another one (a callback's operations).
class Frame {
 public:
  // bound: how many arguments the call had of others.
  Frame(mrun_call &call, Registry *registry, const Schema &schema, std::span<const mrun_value> args, size_t bound)
      : call_(call),
        registry_(call.registry),
        operation_(call.operation),
        arguments_(call.arguments),
        found_(call.found.size()),
        bound_(bound),
        charged_before_(std::exchange(call.charged_before, call.charged.load())),
        awaiting_(call.awaiting) {
    call.registry = registry;
    call.operation = &schema;
    call.arguments = args;
    call.failed = false;
    call.awaiting = false;
  }
  ~Frame() {
    // Of an operation that awaits, what it found and charged stays: whoever keeps its task takes it over (call.h).
    if (!call_.awaiting) {
      if (call_.found.size() > found_) call_.found.resize(found_);
      if (call_.bound.size() > bound_) call_.bound.resize(bound_);
      const int64_t charged = call_.charged.load();
      if (charged > call_.charged_before) {
        call_.charged.store(call_.charged_before);
        call_.item.budget->charge(call_.charged_before - charged);
      }
      call_.awaiting = awaiting_;
    }
    call_.charged_before = charged_before_;
    call_.registry = registry_;
    call_.operation = operation_;
    call_.arguments = arguments_;
  }
  Frame(const Frame &) = delete;
  Frame &operator=(const Frame &) = delete;

 private:
  mrun_call &call_;
  Registry *registry_;
  const Schema *operation_;
  std::span<const mrun_value> arguments_;
  size_t found_, bound_;
  int64_t charged_before_;
  bool awaiting_;
};

// Only the outermost kind: what is inside a list is the plugin's word.
bool plausible(const Type &type, const Value &v) {
  if (v.is_nil()) return type.optional || type.base == Base::any;
  if (type.list) return v.is_list();
  return v.kind() != MRUN_FUNCTION && matches(type, v.c());
}

NativeReturn run(const Operation &op, mrun_call &call, const mrun_value *args, std::span<Value> results) {
  auto *const raw = reinterpret_cast<mrun_value *>(results.data());
  try {
    return run_native(op.schema.name, results, [&] { return op.op->call(&call, args, raw, op.op->user); });
  } catch (Error &e) {
    e.operation = op.schema.full_name();
    throw;
  }
}

Error operation_error(const Operation &op, mrun_call &call, int code) {
  Error e = take_error(call, code);
  if (e.operation.empty()) {
    e.operation = op.schema.full_name();
    if (e.message.compare(0, op.schema.name.size(), op.schema.name) != 0) {
      e.message = fmt::format("{}: {}", op.schema.name, e.message);
    }
  }
  return e;
}

}  // namespace

int ItemContext::stopped() noexcept {
  if (deadline.load(std::memory_order_relaxed) == std::numeric_limits<int64_t>::max())
    return stop.load(std::memory_order_relaxed);
  return stopped(std::chrono::steady_clock::now());
}

int ItemContext::stopped(std::chrono::steady_clock::time_point now) noexcept {
  const std::chrono::nanoseconds end(deadline.load(std::memory_order_relaxed));
  if (now.time_since_epoch() >= end) {
    int running = MRUN_OK;
    stop.compare_exchange_strong(running, MRUN_TIMEOUT);
  }
  return stop.load(std::memory_order_relaxed);
}

// Mixed once for each of the three: neighbours in seed, item or draw have nothing in common.
uint64_t ItemContext::draw() {
  const uint64_t n = draws.fetch_add(1, std::memory_order_relaxed);
  return mix(mix(mix(seed + golden) ^ (number * golden + golden)) + (n + 1) * golden);
}

void log_line(ItemContext &item, int level, std::string_view text) {
  const uint32_t lines = item.log_lines.fetch_add(1, std::memory_order_relaxed);
  if (!item.log || lines > most_log_lines) {
    item.log_lines.store(most_log_lines + 1, std::memory_order_relaxed);  // so that it never runs over
    return;
  }
  if (lines == most_log_lines) {
    item.log(2, fmt::format("{} lines are logged for this item; the rest is dropped", most_log_lines));
  } else {
    item.log(level < 0 ? 0 : std::min(level, 3), printable(text, longest_log_line));
  }
}

std::string drop_malformed(std::span<Value> results) {
  std::string first;
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string wrong = malformed(results[i].c(), plugin_writer);
    if (wrong.empty()) continue;
    results[i].release();
    if (first.empty()) first = fmt::format("result {}: {}", i + 1, wrong);
  }
  return first;
}

void check_results(const Schema &schema, const std::string &plugin, std::span<const Value> results,
                   const std::string &wrong) {
  if (!wrong.empty()) refuse(schema, nullptr, MRUN_INTERNAL, fmt::format("plugin {}: {}", plugin, wrong));
  for (size_t i = 0; i < results.size(); ++i) {
    const Type &type = schema.results[i];
    if (plausible(type, results[i])) continue;
    refuse(schema, nullptr, MRUN_INTERNAL,
           fmt::format("plugin {} gave {} as result {}, its schema says {}", plugin, describe(results[i].c()), i + 1,
                       type.text()));
  }
}

size_t float_modes_left() noexcept { return modes_left; }

NativeFloatMode::~NativeFloatMode() {
  if (before_.put_back()) ++modes_left;
}

void fail_escaped(const std::string &who, const char *what) {
  fail(MRUN_INTERNAL, "{}: a C++ exception left the plugin{}{}", who, what == nullptr ? "" : ": ",
       what == nullptr ? "" : printable(what));
}

Error take_error(mrun_call &call, int code) {
  const bool known = code > MRUN_OK && code <= MRUN_INTERNAL;
  const auto exact = known ? static_cast<mrun_code>(code) : MRUN_INTERNAL;
  const bool said = std::exchange(call.failed, false) && !call.error.message.empty();
  if (!said) {
    return known ? Error(exact, silent_reason(code)) : Error(exact, fmt::format("returned the unknown code {}", code));
  }
  Error e = std::move(call.error);
  e.code = exact;
  call.error = Error();
  return e;
}

CallResult call_operation(const OperationSet &set, mrun_call &call, std::span<const mrun_value> positional,
                          const mrun_value &keywords) {
  const Operation &op = choose(set, positional, keywords);
  const size_t bound = call.bound.size();
  std::optional<Arguments> passing;
  Arguments &args = call.of_task && call.may_await
                        ? *call.bound.emplace_back(std::make_unique<Arguments>(op.schema, positional, keywords))
                        : passing.emplace(op.schema, positional, keywords);
  const Frame frame(call, set.registry, op.schema, args.values(), bound);
  if (args.has_tensor_objects()) resolve(op.schema, args, call);
  if (op.writes) refuse_readonly(op.schema, args.values());
  std::optional<Busy> busy;
  if (op.takes_objects) busy.emplace(op.schema, args.values());
  const SerialGuard serial(op.serial(), *op.plugin, op.schema.name, [&] { return call.stopped(); });
  CallResult result{false, std::vector<Value>(op.schema.results.size())};
  const auto [code, wrong] = run(op, call, args.values().data(), result.values);
  if (code == MRUN_PENDING) {
    if (!call.awaiting) refuse(op.schema, nullptr, MRUN_INTERNAL, "returned MRUN_PENDING without awaiting anything");
    return {true, {}};
  }
  if (code != MRUN_OK) throw operation_error(op, call, code);
  check_results(op.schema, op.plugin->name, result.values, wrong);
  return result;
}

}  // namespace mrun
