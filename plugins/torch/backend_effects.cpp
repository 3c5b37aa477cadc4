#include "backend_effects.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace mrun_torch {
namespace {

using c10::IValue;
using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;
namespace attr = c10::attr;
namespace prim = c10::prim;
namespace aten = c10::aten;

const std::unordered_set<std::string> random_operators = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "bernoulli_",
    "multinomial", "normal", "normal_", "uniform_", "random_", "exponential_", "geometric_", "cauchy_", "log_normal_",
    "poisson", "binomial", "_standard_gamma", "_sample_dirichlet",
    // torch.nn.init's, and those in place as functions
    "_no_grad_uniform_", "_no_grad_normal_", "normal_functional", "uniform", "random", "exponential", "geometric",
    "cauchy", "log_normal"};

// Random only where the argument that says so is true.
const std::unordered_map<std::string, const char *> random_in_training = {{"dropout", "train"},
                                                                          {"dropout_", "train"},
                                                                          {"alpha_dropout", "train"},
                                                                          {"alpha_dropout_", "train"},
                                                                          {"feature_dropout", "train"},
                                                                          {"feature_dropout_", "train"},
                                                                          {"feature_alpha_dropout", "train"},
                                                                          {"feature_alpha_dropout_", "train"},
                                                                          {"native_dropout", "train"},
                                                                          {"rrelu", "training"},
                                                                          {"rrelu_", "training"},
                                                                          {"rrelu_with_noise", "training"},
                                                                          {"gru", "train"},
                                                                          {"lstm", "train"},
                                                                          {"rnn_tanh", "train"},
                                                                          {"rnn_relu", "train"}};

// These write their running statistics (not marked in their schemas) where the named argument is true.
const std::unordered_map<std::string, const char *> statistics_writers = {{"batch_norm", "training"},
                                                                          {"native_batch_norm", "training"},
                                                                          {"_batch_norm_impl_index", "training"},
                                                                          {"instance_norm", "use_input_stats"}};

// Operators that may return an argument itself although their schema does not say so.
const std::unordered_set<std::string> unmarked_views = {"dropout", "feature_dropout", "alpha_dropout",
                                                        "feature_alpha_dropout", "type_as"};

bool is_container(const c10::TypePtr &t) {
  return t->kind() == c10::TypeKind::ListType || t->kind() == c10::TypeKind::DictType;
}

class Analysis {
 public:
  Analysis(const torch::jit::Module &module, const torch::jit::Graph &graph) : module_(module), graph_(graph) {
    collect_assigned(graph.block());
  }

  Effects run() {
    visit(graph_.block());
    return std::move(effects_);
  }

 private:
  // ---- what is known without running

  void collect_assigned(const Block *block) {
    for (const Node *n : block->nodes()) {
      if (n->kind() == prim::SetAttr) assigned_.insert(n->s(attr::name));
      for (const Block *inner : n->blocks()) collect_assigned(inner);
    }
  }

  // The value, where the code and the module's attributes fix it. Attributes that any code assigns are not fixed.
  std::optional<IValue> known(const Value *v) const {
    const Node *n = v->node();
    if (v == graph_.inputs()[0]) return IValue(module_._ivalue());
    if (const Value *given = forked(v)) return known(given);
    if (n->kind() == prim::Constant) return constant(v);
    if (n->kind() == prim::GetAttr) return attribute(n);
    if (n->kind() == prim::If) return known_branch(n, v);
    if (n->kind() == aten::__not__) {
      const auto a = known(n->input(0));
      if (a && a->isBool()) return IValue(!a->toBool());
    }
    if (n->kind() == aten::__is__ || n->kind() == aten::__isnot__) return known_is(n);
    if (n->kind() == aten::eq || n->kind() == aten::ne) return known_equal(n);
    return std::nullopt;
  }
  // What a forked graph's parameter was given; null for any other value.
  const Value *forked(const Value *v) const {
    if (v->node()->kind() != prim::Param) return nullptr;
    const auto fork = forks_.find(v->owningGraph());
    return fork == forks_.end() ? nullptr : fork->second->input(v->offset());
  }
  static std::optional<IValue> constant(const Value *v) {
    auto c = torch::jit::toIValue(v);
    if (!c) return std::nullopt;
    return *c;
  }
  std::optional<IValue> attribute(const Node *n) const {
    const std::string &name = n->s(attr::name);
    const auto object = known(n->input(0));
    if (!object || !object->isObject() || assigned_.count(name)) return std::nullopt;
    const auto &instance = object->toObjectRef();
    if (!instance.type()->findAttributeSlot(name)) return std::nullopt;
    return instance.getAttr(name);
  }
  std::optional<IValue> known_branch(const Node *n, const Value *v) const {
    const Block *taken = taken_branch(n);
    return taken ? known(taken->outputs()[v->offset()]) : std::nullopt;
  }
  std::optional<IValue> known_is(const Node *n) const {
    const auto a = known(n->input(0)), b = known(n->input(1));
    if (!a || !b || (!a->isNone() && !b->isNone())) return std::nullopt;
    const bool same = a->isNone() && b->isNone();
    return IValue(n->kind() == aten::__is__ ? same : !same);
  }
  std::optional<IValue> known_equal(const Node *n) const {
    const auto a = known(n->input(0)), b = known(n->input(1));
    if (!a || !b) return std::nullopt;
    std::optional<bool> same;
    if (a->isInt() && b->isInt()) same = a->toInt() == b->toInt();
    if (a->isString() && b->isString()) same = a->toStringRef() == b->toStringRef();
    if (a->isBool() && b->isBool()) same = a->toBool() == b->toBool();
    if (!same) return std::nullopt;
    return IValue(n->kind() == aten::eq ? *same : !*same);
  }
  // Of a prim::If; null where both are possible.
  const Block *taken_branch(const Node *n) const {
    const auto found = taken_.find(n);
    if (found != taken_.end()) return found->second;
    const auto condition = known(n->input(0));
    const Block *taken = condition && condition->isBool() ? n->blocks()[condition->toBool() ? 0 : 1] : nullptr;
    taken_[n] = taken;
    return taken;
  }

  // ---- where a value's memory may come from

  struct Origin {
    std::set<std::string> attributes;
    bool input = false;
  };

  // container: the written thing is a list or dict itself, not what is in it.
  Origin origin(const Value *v) const {
    Origin found;
    std::unordered_set<const Value *> seen;
    follow(v, is_container(v->type()), found, seen);
    return found;
  }
  // Depth of recursion is bounded by the number of values of the method.
  void follow(const Value *v, bool container, Origin &found, std::unordered_set<const Value *> &seen) const {
    if (!seen.insert(v).second) return;
    const Node *n = v->node();
    if (n->kind() == prim::Param) return follow_parameter(v, container, found, seen);
    if (n->kind() == prim::Constant) {
      if (v->type()->kind() == c10::TypeKind::TensorType) found.attributes.insert("a constant");
    } else if (n->kind() == prim::GetAttr) {
      follow_attribute(n, found, seen);
    } else if (n->kind() == prim::If) {
      const Block *taken = taken_branch(n);
      for (const Block *b : n->blocks()) {
        if (taken == nullptr || b == taken) follow(b->outputs()[v->offset()], container, found, seen);
      }
    } else if (n->kind() == prim::Loop) {
      follow(n->inputs()[v->offset() + 2], container, found, seen);
      follow(n->blocks()[0]->outputs()[v->offset() + 1], container, found, seen);
    } else if (n->kind() == prim::CreateObject || (container && makes_container(n))) {
      return;
    } else {
      for (size_t i = 0; i < n->inputs().size(); ++i) {
        if (may_share(n, v->offset(), i)) follow(n->input(i), container, found, seen);
      }
    }
  }
  void follow_parameter(const Value *v, bool container, Origin &found, std::unordered_set<const Value *> &seen) const {
    const Block *block = v->node()->owningBlock();
    const Node *owner = block->owningNode();
    if (owner == nullptr) {
      if (const Value *given = forked(v)) {
        follow(given, container, found, seen);
      } else if (v == graph_.inputs()[0]) {
        found.attributes.insert("self");
      } else {
        found.input = true;
      }
    } else if (owner->kind() == prim::Loop && v->offset() > 0) {
      follow(owner->inputs()[v->offset() + 1], container, found, seen);
      follow(block->outputs()[v->offset()], container, found, seen);
    } else {
      for (const Value *each : owner->inputs()) follow(each, container, found, seen);
    }
  }
  void follow_attribute(const Node *n, Origin &found, const std::unordered_set<const Value *> &seen) const {
    Origin object;
    auto inner = seen;  // a copy, which ends loops and leaves the values of objects free for the next attribute
    inner.erase(graph_.inputs()[0]);
    follow(n->input(0), false, object, inner);
    found.input = found.input || object.input;
    for (const std::string &path : object.attributes) found.attributes.insert(path + "." + n->s(attr::name));
  }
  static bool makes_container(const Node *n) {
    return n->kind() == prim::ListConstruct || n->kind() == prim::DictConstruct || n->kind() == aten::list ||
           n->kind() == aten::dict;
  }
  // Whether a result may be, or hold, memory of an input.
  static bool may_share(const Node *n, size_t result, size_t input) {
    const auto *schema = n->maybeSchema();
    if (schema == nullptr || n->kind().is_prim()) return true;
    if (unmarked_views.count(n->kind().toUnqualString())) return true;
    const auto &results = schema->returns();
    if (result < results.size() && results[result].alias_info() == nullptr) return false;
    return input >= schema->arguments().size() || schema->arguments()[input].alias_info() != nullptr;
  }

  // ---- what a node does

  void visit(const Block *block) {
    for (const Node *n : block->nodes()) visit(n);
  }
  void visit(const Node *n) {
    if (n->kind() == prim::If) {
      const Block *taken = taken_branch(n);
      for (const Block *b : n->blocks()) {
        if (taken == nullptr || b == taken) visit(b);
      }
      return;
    }
    for (const Block *b : n->blocks()) visit(b);
    if (n->hasAttribute(attr::Subgraph)) {  // prim::fork
      torch::jit::Graph &graph = *n->g(attr::Subgraph);
      forks_[&graph] = n;
      torch::jit::Inline(graph);
      visit(graph.block());
    }
    if (n->kind() == prim::GetAttr && n->s(attr::name) == "training") note_training(n->output());
    if (n->kind() == prim::SetAttr) {
      for (const std::string &path : origin(n->input(0)).attributes) {
        effects_.written.insert(path + "." + n->s(attr::name));
      }
    } else if (n->kind() == prim::CallMethod) {
      effects_.written.insert("what is behind an interface");
    } else {
      visit_operator(n);
    }
  }
  void visit_operator(const Node *n) {
    const auto *schema = n->maybeSchema();
    if (schema == nullptr) return;
    for (size_t i = 0; i < schema->arguments().size() && i < n->inputs().size(); ++i) {
      const auto *alias = schema->arguments()[i].alias_info();
      if (alias != nullptr && alias->isWrite()) note_write(n->input(i));
    }
    const std::string name = n->kind().toUnqualString();
    const auto statistics = statistics_writers.find(name);
    if (statistics != statistics_writers.end() && may_be_true(n, *schema, statistics->second)) {
      for (const char *argument : {"running_mean", "running_var"}) {
        if (const auto i = schema->argumentIndexWithName(argument)) note_write(n->input(static_cast<size_t>(*i)));
      }
    }
    if (is_random(n, *schema, name)) effects_.random = true;
    for (const char *argument : {"train", "training"}) {
      const auto i = schema->argumentIndexWithName(argument);
      if (i && drops_for_sure(n, *schema)) note_training(n->input(static_cast<size_t>(*i)));
    }
  }
  // Attention calls dropout with `train` given as true, behind a test of a probability that is 0 outside training.
  bool drops_for_sure(const Node *n, const c10::FunctionSchema &schema) const {
    for (const char *argument : {"p", "dropout"}) {
      const auto i = schema.argumentIndexWithName(argument);
      if (!i) continue;
      const auto value = known(n->input(static_cast<size_t>(*i)));
      if (!value || (value->isDouble() && value->toDouble() == 0)) return false;
    }
    return true;
  }
  void note_training(const Value *v) {
    const auto value = known(v);
    effects_.training = effects_.training || (value && value->isBool() && value->toBool());
  }
  void note_write(const Value *v) {
    const Origin from = origin(v);
    effects_.written.insert(from.attributes.begin(), from.attributes.end());
    effects_.writes_inputs = effects_.writes_inputs || from.input;
  }
  bool is_random(const Node *n, const c10::FunctionSchema &schema, const std::string &name) const {
    if (random_operators.count(name)) return true;
    const auto training = random_in_training.find(name);
    if (training != random_in_training.end()) {
      return may_be_true(n, schema, training->second) && may_be_nonzero(n, schema, "dropout") &&
             may_be_nonzero(n, schema, "p");
    }
    return name == "scaled_dot_product_attention" && may_be_nonzero(n, schema, "dropout_p");
  }
  bool may_be_true(const Node *n, const c10::FunctionSchema &schema, const char *argument) const {
    const auto i = schema.argumentIndexWithName(argument);
    if (!i) return true;
    const auto value = known(n->input(static_cast<size_t>(*i)));
    return !value || !value->isBool() || value->toBool();
  }
  bool may_be_nonzero(const Node *n, const c10::FunctionSchema &schema, const char *argument) const {
    const auto i = schema.argumentIndexWithName(argument);
    if (!i) return true;
    const auto value = known(n->input(static_cast<size_t>(*i)));
    return !value || !value->isDouble() || value->toDouble() != 0;
  }

  const torch::jit::Module &module_;
  const torch::jit::Graph &graph_;
  std::unordered_set<std::string> assigned_;
  mutable std::unordered_map<const Node *, const Block *> taken_;
  std::unordered_map<const torch::jit::Graph *, const Node *> forks_;
  Effects effects_;
};

}  // namespace

Effects effects_of(const torch::jit::Module &module, const torch::jit::Method &method) {
  const auto graph = method.graph()->copy();
  torch::jit::Inline(*graph);
  return Analysis(module, *graph).run();
}

}  // namespace mrun_torch
