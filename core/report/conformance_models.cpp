// A backend, tried with the models of a bundle: opened whole and damaged, called with what fits and what does not, alone
// and joined, on several threads, for items that are cancelled.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <mrun/message.hpp>
#include <thread>

#include "author/example.h"
#include "author/split_model.h"
#include "exec/joined.h"
#include "report/conformance_problems.h"
#include "report/conformance_values.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

constexpr size_t most_flips = 16;
constexpr size_t kept_names = 512;  // bytes an opening: libraries keep the names of what they have read
constexpr Tolerance close_enough{1e-4, 1e-5, nullptr};  // of joined rows: another order of sums

Tensor byte_tensor(std::string_view content) {
  Tensor t = Tensor::empty(dtype::uint8, {static_cast<int64_t>(content.size())});
  if (!content.empty()) std::memcpy(t.data(), content.data(), content.size());
  return t;
}

struct Damage {
  std::string name, content;
};

// Cut short, filled with zeros, with bytes turned over; the first of them is no model of any kind.
std::vector<Damage> damaged(std::string_view whole) {
  std::vector<Damage> all{{"an empty file", ""}, {"another kind of file", "[bundle]\nname = \"no model\"\n"}};
  for (const size_t size : {size_t{1}, whole.size() / 2, whole.size() - std::min<size_t>(whole.size(), 1)}) {
    all.push_back({"its first " + counted(size, "byte"), std::string(whole.substr(0, size))});
  }
  all.push_back({"zeros", std::string(whole.size(), '\0')});
  for (size_t i = 0; i < std::min(most_flips, whole.size()); ++i) {
    const size_t at = whole.size() * i / most_flips;
    all.push_back({fmt::format("byte {} turned over", at), std::string(whole)});
    all.back().content[at] = static_cast<char>(~all.back().content[at]);
  }
  return all;
}

// A call that answered, and what with.
struct KeptCall {
  PendingCall call;
  std::vector<Value> results;
};

bool same(const std::vector<Value> &a, const std::vector<Value> &b) {
  return !compare(Value::list(a), Value::list(b), close_enough, "result");
}

class CheckModel {
 public:
  CheckModel(Registry &registry, const Backend &backend, const std::shared_ptr<const Bundle> &bundle,
             const ModelConfig &config, Problems &problems)
      : registry_(registry),
        backend_(backend),
        bundle_(bundle),
        config_(config),
        problems_(problems),
        name_("model " + config.name) {
    options_.registry = &registry;
    options_.one_shot = true;
  }

  // How many of its methods there are, and how many answered.
  Counted run() {
    std::unique_ptr<Model> model;
    const Trial opened = problems_.attempt(
        name_, "open",
        [&](ItemContext &) {
          model = open(offer());
          return std::vector<Value>{};
        },
        false);
    if (!opened.ok()) {
      problems_.problem(name_, "cannot be opened: " + opened.error.message);
      return {};
    }
    if (model->methods().empty()) problems_.problem(name_, "has no methods");
    check_damaged();
    check_openings();
    Counted counted;
    for (size_t m = 0; m < model->methods().size(); ++m) {
      ++counted.checked;
      counted.answered += check_method(*model, m) ? 1 : 0;
    }
    return counted;
  }

 private:
  ModelOffer offer() const { return offer_model(*bundle_, config_); }
  std::unique_ptr<Model> open(ModelOffer offered) const {
    return std::make_unique<Model>(backend_, std::move(offered), config_.name, bundle_->manifest(), options_);
  }
  std::string method_name(const Model &model, size_t m) const { return name_ + "." + model.methods()[m].name; }

  void check_damaged() {
    const Tensor whole = offer().graph;
    std::vector<Damage> all = damaged(whole.bytes());
    for (size_t i = 0; i < all.size(); ++i) {
      const Trial trial = problems_.attempt(
          name_, all[i].name,
          [&](ItemContext &) {
            ModelOffer offered = offer();
            offered.graph = byte_tensor(all[i].content);
            offered.weights = Value();
            open(std::move(offered));
            return std::vector<Value>{};
          },
          false);
      if (trial.ok() && i < 2) problems_.problem(name_, "opens " + all[i].name);
    }
  }

  void check_openings() {
    problems_.check_growth(name_, 1, kept_names, [&] { open(offer()); });
  }

  // ---- calls

  JoinedRun run_calls(Model &model, const std::vector<const PendingCall *> &calls, ItemContext &item) const {
    std::vector<JoinedCall> joined;
    for (const PendingCall *call : calls) joined.push_back({call, &item});
    return run_joined(model, joined);
  }

  // As the engine calls a method for one item, or for several whose calls were joined. The first one's results.
  std::vector<Value> run_once(Model &model, const PendingCall &call, ItemContext &item) const {
    Outcome outcome = std::move(run_calls(model, {&call}, item).outcomes.front());
    if (outcome.error) throw Error(*outcome.error);
    return std::move(outcome.results);
  }

  std::optional<PendingCall> prepared(const Model &model, size_t m, std::vector<Value> args) const {
    PendingCall call;
    call.method = m;
    call.args = std::move(args);
    try {
      prepare(call, model.methods()[m], model.batch(m), false);
    } catch (const Error &) { return std::nullopt; }  // the host refuses it
    return call;
  }

  bool check_method(Model &model, size_t m) {
    std::vector<KeptCall> kept;
    for (const std::vector<Value> &args : arguments(model, m)) try_arguments(model, m, args, kept);
    if (kept.empty()) return false;
    check_joined(model, m, kept);
    check_threads(model, m, kept);
    check_cancelled(model, m, kept.front().call);
    check_split(model, m, kept);
    problems_.check_growth(method_name(model, m), kept.size(), least_leak, [&] {
      for (const KeptCall &k : kept) try_call([&](ItemContext &item) { return run_once(model, k.call, item); });
    });
    return true;
  }

  void try_arguments(Model &model, size_t m, const std::vector<Value> &args, std::vector<KeptCall> &kept) {
    const auto call = prepared(model, m, args);
    if (!call) return;
    std::string what;
    for (const Value &v : args) what += (what.empty() ? "" : ", ") + described(v);
    Trial trial =
        problems_.attempt(method_name(model, m), what, [&](ItemContext &item) { return run_once(model, *call, item); });
    if (trial.ok() && trial.took < quick && kept.size() < most_kept) kept.push_back({*call, std::move(trial.results)});
  }

  // What the bundle's own examples give the model, then every value that fits its schema.
  std::vector<std::vector<Value>> arguments(const Model &model, size_t m) const {
    const Schema &schema = model.methods()[m];
    std::vector<std::vector<Value>> all;
    std::vector<Value> plain;
    for (const Parameter &p : schema.parameters) {
      const std::vector<Value> values = fitting_values(p.type, {});
      plain.push_back(p.has_default ? p.default_value : values.empty() ? Value() : values.front());
    }
    for (const Example &example : list_examples(*bundle_)) add_example(example, schema, all);
    all.push_back(plain);
    for (size_t i = 0; i < schema.parameters.size(); ++i) {
      for (const Value &v : fitting_values(schema.parameters[i].type, {})) {
        all.push_back(plain);
        all.back()[i] = v;
      }
    }
    return all;
  }

  // x as it was recorded: one tensor, or one for each of the first parameters by name or place.
  void add_example(const Example &example, const Schema &schema, std::vector<std::vector<Value>> &all) const {
    const Value stages = example_stages(*bundle_, example);
    if (!stages.is_map()) return;
    std::vector<Value> args;
    for (size_t i = 0; i < schema.parameters.size(); ++i) {
      const Parameter &p = schema.parameters[i];
      const Value *x = i == 0 ? stages.find("preprocess") : nullptr;
      for (const std::string &place : {p.name, std::to_string(i + 1)}) {
        if (x == nullptr) x = stages.find("preprocess." + place);
      }
      if (x == nullptr && !p.has_default) return;
      args.push_back(x == nullptr ? p.default_value : *x);
    }
    all.push_back(std::move(args));
  }

  // ---- what answered, in other company

  void check_joined(Model &model, size_t m, const std::vector<KeptCall> &kept) {
    for (const KeptCall &k : kept) {
      if (k.call.alone) continue;
      problems_.note(method_name(model, m), "two items joined");
      problems_.add_calls(1);
      ItemContext item;
      const JoinedRun run = run_calls(model, {&k.call, &k.call}, item);
      if (run.failure) {
        problems_.problem(method_name(model, m), "takes an item, and not two joined: " + run.failure->message);
        return;
      }
      for (const Outcome &o : run.outcomes) {
        if (o.error || !same(k.results, o.results)) {
          problems_.problem(method_name(model, m), "gives a joined item something else than one by itself");
          return;
        }
      }
    }
  }

  void check_threads(Model &model, size_t m, const std::vector<KeptCall> &kept) {
    if (model.keeps_state() || (model.traits(m) & MRUN_MODEL_RANDOM) != 0) return;
    problems_.note(method_name(model, m), "on several threads at once");
    std::atomic<int> wrong{0};
    std::vector<std::thread> running;
    for (int t = 0; t < trial_threads; ++t) {
      running.emplace_back([&] {
        for (const KeptCall &k : kept) {
          const Trial trial = try_call([&](ItemContext &item) { return run_once(model, k.call, item); });
          wrong += trial.ok() && same(k.results, trial.results) ? 0 : 1;
        }
      });
    }
    for (std::thread &t : running) t.join();
    problems_.add_calls(trial_threads * kept.size());
    if (wrong != 0)
      problems_.problem(method_name(model, m), "fails, or gives something else, on several threads at once");
  }

  void check_cancelled(Model &model, size_t m, const PendingCall &call) {
    problems_.note(method_name(model, m), "for an item that is cancelled");
    problems_.add_calls(1);
    ItemContext item;
    item.stop = MRUN_CANCELLED;
    try {
      run_once(model, call, item);
    } catch (const Error &e) {
      if (e.code == MRUN_CANCELLED) return;
      problems_.problem(method_name(model, m),
                        "fails otherwise where its item is cancelled: return host->stopped's code: " + e.message);
    }
  }

  // The pair that it is packed as answers as the whole does.
  void check_split(const Model &model, size_t m, const std::vector<KeptCall> &kept) {
    if (backend_.backend->split == nullptr || m > 0 || bundle_->packed()) return;
    SplitModel pair;
    const Trial trial = problems_.attempt(
        name_, "split",
        [&](ItemContext &) {
          pair = split_model(registry_, *bundle_, config_);
          return std::vector<Value>{};
        },
        false);
    if (!trial.ok()) problems_.problem(name_, "cannot be split: " + trial.error.message);
    if (pair.weights.empty()) return;
    ModelOffer offered = offer();
    offered.graph = byte_tensor(pair.graph);
    offered.weights = tensor_map(read_safetensors(byte_tensor(pair.weights), "weights", MRUN_MODEL).tensors);
    std::unique_ptr<Model> split;
    const Trial again = problems_.attempt(
        name_, "open what it was split into",
        [&](ItemContext &) {
          split = open(std::move(offered));
          return std::vector<Value>{};
        },
        false);
    if (!again.ok()) problems_.problem(name_, "cannot open what it was split into: " + again.error.message);
    for (const KeptCall &k : again.ok() ? kept : std::vector<KeptCall>{}) {
      const Trial answer = try_call([&](ItemContext &item) { return run_once(*split, k.call, item); });
      if (answer.ok() && same(k.results, answer.results)) continue;
      problems_.problem(method_name(model, m), "gives something else once it was split");
      return;
    }
  }

  Registry &registry_;
  const Backend &backend_;
  const std::shared_ptr<const Bundle> &bundle_;
  const ModelConfig &config_;
  Problems &problems_;
  const std::string name_;
  ModelOptions options_;
};

}  // namespace

Counted check_models(Registry &registry, const Plugin &plugin, const std::shared_ptr<const Bundle> &bundle,
                     Problems &problems) {
  Counted all;
  if (bundle == nullptr) return all;
  for (const ModelConfig &config : bundle->manifest().models) {
    const std::string graph = bundle->model_files(config).graph;
    const Backend &backend = choose_backend(registry, config, graph);
    if (backend.plugin != &plugin) continue;
    const Counted one = CheckModel(registry, backend, bundle, config, problems).run();
    ++all.checked;
    all.answered += one.answered;
  }
  if (all.checked == 0) problems.problem("", "none of the bundle's models is opened by this plugin's backends");
  return all;
}

}  // namespace mrun
