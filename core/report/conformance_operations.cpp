// Operations tried with every kind of value for every parameter.
#include <algorithm>
#include <atomic>
#include <thread>

#include "base/let_go.h"
#include "report/conformance_arguments.h"
#include "report/conformance_problems.h"
#include "report/conformance_values.h"
#include "value/equal.h"
#include "value/object.h"

namespace mrun {
namespace {

// A function for parameters of type Callable: gives its first argument back.
struct Echo : mrun_function {
  const char *kind() const override { return "a function that gives its argument back"; }
};

struct EchoHost : CallHost {
  std::vector<Value> call(mrun_call &, mrun_function &, std::span<const mrun_value> args) override {
    return args.empty() ? std::vector<Value>{} : std::vector<Value>{Value::copy(args[0])};
  }
  void await(mrun_call &, mrun_function &, std::vector<Value>, const mrun_await &) override {
    fail(MRUN_CANCELLED, "nobody runs models here");
  }
};

struct Args {
  std::vector<Value> positional;
  Value keywords;  // a map, or nil
};

std::vector<Value> call(const OperationSet &set, const Args &args, ItemContext &item) {
  EchoHost host;
  mrun_call call(item, &host);
  call.registry = set.registry;
  const auto *raw = reinterpret_cast<const mrun_value *>(args.positional.data());
  return call_operation(set, call, {raw, args.positional.size()}, args.keywords.c()).values;
}

Args with(const Args &plain, const Schema &schema, size_t parameter, const Value &v) {
  Args args = plain;
  const Parameter &p = schema.parameters[parameter];
  if (!p.keyword_only) {
    args.positional[parameter] = v;
    return args;
  }
  std::vector<std::pair<std::string, Value>> keywords;
  if (!plain.keywords.is_nil()) {
    for (const Entry &e : plain.keywords.as_map()) keywords.emplace_back(std::string(e.key()), e.value());
  }
  keywords.emplace_back(p.name, v);
  args.keywords = Value::map(std::move(keywords));
  return args;
}

Args arguments_apart(const Args &args) {
  Args copy;
  for (const Value &v : args.positional) copy.positional.push_back(apart(v));
  copy.keywords = apart(args.keywords);
  return copy;
}

// Each argument that was given, with its parameter.
std::vector<std::pair<const Parameter *, Value>> bound(const Schema &schema, const Args &args) {
  std::vector<std::pair<const Parameter *, Value>> all;
  for (size_t i = 0; i < args.positional.size(); ++i) all.emplace_back(&schema.parameters[i], args.positional[i]);
  for (const Parameter &p : schema.parameters) {
    const Value *given = args.keywords.is_nil() ? nullptr : args.keywords.find(p.name);
    if (given != nullptr) all.emplace_back(&p, *given);
  }
  return all;
}

bool makes_objects(const Operation &op) {
  const auto &results = op.schema.results;
  return std::any_of(results.begin(), results.end(), [](const Type &t) { return t.base == Base::object; });
}

// A call that answered, and what with.
struct KeptOperation {
  std::string what;
  Args args;
  std::vector<Value> results;
};

class Check {
 public:
  Check(Registry &registry, const Plugin &plugin, Problems &problems) : registry_(registry), problems_(problems) {
    for (const Operation *op : registry.operations()) {
      if (op->plugin == &plugin) operations_.push_back(op);
    }
  }

  Counted run() {
    // What takes objects of a type comes after what makes them.
    for (int round = 0; round < 2; ++round) {
      for (const Operation *op : operations_) make_objects(*op);
    }
    for (const Operation *op : operations_) check(*op);
    return {static_cast<int64_t>(operations_.size()), answered_};
  }

 private:
  const OperationSet &set_of(const Operation &op) { return registry_.require(op.schema.full_name()); }

  Value function() {
    mrun_value f{};
    f.kind = MRUN_FUNCTION;
    f.as.function = &echo_;
    return Value::adopt(f);
  }

  std::vector<Value> fitting(const Type &type) {
    if (type.base == Base::callable && !type.list) return {function()};
    return fitting_values(type, pool_);
  }

  // A plain value for each parameter that wants one; nothing where there is none.
  std::optional<Args> plain_args(const Operation &op) {
    Args args;
    std::vector<std::pair<std::string, Value>> keywords;
    for (const Parameter &p : op.schema.parameters) {
      if (p.keyword_only && p.has_default) continue;
      const std::vector<Value> values = p.has_default ? std::vector<Value>{p.default_value} : fitting(p.type);
      if (values.empty()) return std::nullopt;
      if (p.keyword_only) {
        keywords.emplace_back(p.name, values[0]);
      } else {
        args.positional.push_back(values[0]);
      }
    }
    if (!keywords.empty()) args.keywords = Value::map(std::move(keywords));
    return args;
  }

  void make_objects(const Operation &op) {
    const std::optional<Args> plain = plain_args(op);
    if (!plain || !makes_objects(op)) return;
    std::vector<Args> tried{*plain};
    if (!op.schema.parameters.empty()) {
      for (const Value &v : fitting(op.schema.parameters[0].type)) tried.push_back(with(*plain, op.schema, 0, v));
    }
    for (const Args &args : tried) {
      for (const Value &v : attempt(op, args, "plain arguments").results) {
        if (v.kind() == MRUN_OBJECT) pool_.emplace(v.c().as.object->type->name, v);
      }
    }
  }

  Trial attempt(const Operation &op, const Args &args, const std::string &what) {
    const OperationSet &set = set_of(op);
    return problems_.attempt(op.schema.full_name(), what, [&](ItemContext &item) { return call(set, args, item); });
  }

  void check(const Operation &op) {
    const uint64_t before = destructions_that_threw;
    check_calls(op);
    if (destructions_that_threw != before)
      problems_.problem(op.schema.full_name(), "an object's destruction throws an exception");
  }

  void check_calls(const Operation &op) {
    const std::string doc = op.op->doc == nullptr ? "" : op.op->doc;
    if (doc.substr(0, doc.find('\n')).empty()) problems_.problem(op.schema.full_name(), "its doc has no first line");
    const std::optional<Args> plain = plain_args(op);
    if (!plain) return;  // nothing here makes what it takes: one of those that did not answer
    std::vector<KeptOperation> kept;
    const bool answered = try_all(op, *plain, kept);
    answered_ += answered ? 1 : 0;
    if (kept.empty() || problems_.leaves(op.schema.full_name())) return;
    check_threads(op, kept);
    const OperationSet &set = set_of(op);
    problems_.check_growth(op.schema.full_name(), kept.size(), least_leak, [&] {
      for (const KeptOperation &k : kept) try_call([&](ItemContext &item) { return call(set, k.args, item); });
    });
  }

  // Whether the host still has what it lent. The call has arguments that nobody else has: what becomes of them is its doing.
  bool leaves_arguments(const Operation &op, const Args &args, const std::string &what) {
    const std::string name = op.schema.full_name();
    const Args given = arguments_apart(args), before = arguments_apart(args);
    std::vector<Holds> holds;
    for (const auto &[parameter, value] : bound(op.schema, given)) holds.emplace_back(value);
    attempt(op, given, what);
    std::vector<bool> freed;
    for (Holds &h : holds) freed.push_back(h.mend());
    const auto after = bound(op.schema, given), wanted = bound(op.schema, before);
    for (size_t i = 0; i < after.size(); ++i) {
      const Parameter &p = *after[i].first;
      if (freed[i]) problems_.problem(name, what + ": frees " + p.name + ", or gives it away: value_copy what is lent");
      if (!p.type.written && !equal(after[i].second, wanted[i].second))
        problems_.problem(name, what + ": writes to " + p.name + ", which is no Tensor(a!) in its schema");
    }
    return std::find(freed.begin(), freed.end(), true) == freed.end();
  }

  bool try_all(const Operation &op, const Args &plain, std::vector<KeptOperation> &kept) {
    bool answered = false;
    const auto keep = [&](const Args &args, const std::string &what) {
      if (problems_.leaves(op.schema.full_name()) || !leaves_arguments(op, args, what)) return;
      Trial trial = attempt(op, args, what);
      answered = answered || trial.ok();
      if (trial.ok() && trial.took < quick && kept.size() < most_kept)
        kept.push_back({what, args, std::move(trial.results)});
    };
    keep(plain, "plain arguments");
    for (size_t i = 0; i < op.schema.parameters.size(); ++i) {
      const Parameter &p = op.schema.parameters[i];
      for (const auto &values : {fitting(p.type), odd_values()}) {
        for (const Value &v : values) keep(with(plain, op.schema, i, v), p.name + " = " + described(v));
      }
    }
    return answered;
  }

  // Objects that are not shareable stay with one thread: the host sees to it, so calls with them are not tried. Nor are
  // those that write their arguments, which are shared here.
  void check_threads(const Operation &op, const std::vector<KeptOperation> &kept) {
    if (op.takes_objects || op.serial() || op.writes) return;
    problems_.note(op.schema.full_name(), "on several threads at once");
    const OperationSet &set = set_of(op);
    std::vector<std::atomic<int>> failing(kept.size()), differing(kept.size());
    const auto all = [&] {
      for (size_t i = 0; i < kept.size(); ++i) {
        const Trial trial = try_call([&](ItemContext &item) { return call(set, kept[i].args, item); });
        failing[i] += trial.ok() ? 0 : 1;
        differing[i] += trial.ok() && !same(trial.results, kept[i].results) ? 1 : 0;
      }
    };
    std::vector<std::thread> running;
    for (int t = 0; t < trial_threads; ++t) running.emplace_back(all);
    for (std::thread &t : running) t.join();
    problems_.add_calls(trial_threads * kept.size());
    for (size_t i = 0; i < kept.size(); ++i) {
      const std::string name = op.schema.full_name(), &what = kept[i].what;
      if (failing[i] != 0) problems_.problem(name, what + ": fails on several threads at once, and not on one");
      if (differing[i] != 0) problems_.problem(name, what + ": gives something else on several threads at once");
    }
  }

  // Two objects are never the same.
  static bool same(const std::vector<Value> &a, const std::vector<Value> &b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Value &x, const Value &y) { return (x.is_object() && y.is_object()) || equal(x, y); });
  }

  Registry &registry_;
  Problems &problems_;
  Echo echo_;
  std::vector<const Operation *> operations_;
  ObjectPool pool_;
  int64_t answered_ = 0;
};

}  // namespace

Counted check_operations(Registry &registry, const Plugin &plugin, Problems &problems) {
  return Check(registry, plugin, problems).run();
}

}  // namespace mrun
