#include "backend_effects.h"

#include <torch/csrc/jit/ir/ir.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "backend_code.h"
#include "backend_origin.h"

namespace mrun_torch {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;
namespace attr = c10::attr;
namespace prim = c10::prim;

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

class Analysis {
 public:
  Analysis(const torch::jit::Module &module, const Code &code, const std::unordered_set<std::string> &assigned)
      : code_(code), known_(module, code, assigned), origins_(code, known_) {}

  Effects run() {
    visit(code_.graph().block());
    return std::move(effects_);
  }

 private:
  void visit(const Block *block) {
    for (const Node *n : block->nodes()) visit(n);
  }
  void visit(const Node *n) {
    if (n->kind() == prim::If) {
      const Block *taken = known_.taken_branch(n);
      for (const Block *b : n->blocks()) {
        if (taken == nullptr || b == taken) visit(b);
      }
      return;
    }
    for (const Block *b : n->blocks()) visit(b);
    effects_.forks = effects_.forks || n->kind() == prim::fork;
    if (const torch::jit::Graph *called = code_.called(n)) visit(called->block());
    if (n->kind() == prim::GetAttr && n->s(attr::name) == "training") note_training(n->output());
    if (n->kind() == prim::SetAttr) {
      for (const std::string &path : origins_.of(n->input(0), false).attributes) {
        effects_.written.insert(path + "." + n->s(attr::name));
      }
      note_kept(n->input(0), n->input(1));
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
      if (alias == nullptr || !alias->isWrite()) continue;
      note_write(n->input(i), schema->arguments()[i].type());
      for (const Value *value : Origins::put(n, i)) note_kept(n->input(i), value);
    }
    const std::string name = n->kind().toUnqualString();
    const auto statistics = statistics_writers.find(name);
    if (statistics != statistics_writers.end() && may_be_true(n, *schema, statistics->second)) {
      for (const char *argument : {"running_mean", "running_var"}) {
        if (const auto i = schema->argumentIndexWithName(argument))
          note_write(n->input(static_cast<size_t>(*i)), c10::TensorType::get());
      }
    }
    if (is_random(n, *schema, name)) effects_.random = true;
    // quantized::linear, aten::quantize_per_tensor, aten::quantized_lstm
    if (std::string_view(n->kind().toQualString()).find("quantize") != std::string_view::npos)
      effects_.quantized = true;
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
      const auto value = known_.value(n->input(static_cast<size_t>(*i)));
      if (!value || (value->isDouble() && value->toDouble() == 0)) return false;
    }
    return true;
  }
  void note_training(const Value *v) {
    const auto value = known_.value(v);
    effects_.training = effects_.training || (value && value->isBool() && value->toBool());
  }
  // Of a list of tensors, operators write what is in it.
  void note_write(const Value *v, const c10::TypePtr &declared) {
    const bool inside = declared->kind() == c10::TypeKind::ListType &&
                        declared->expectRef<c10::ListType>().getElementType()->kind() == c10::TypeKind::TensorType;
    const Origin from = origins_.of(v, inside);
    effects_.written.insert(from.attributes.begin(), from.attributes.end());
    effects_.writes_inputs = effects_.writes_inputs || from.input;
  }
  // What an attribute holds from now on, another call may write.
  void note_kept(const Value *into, const Value *value) {
    if (origins_.of(into, false).attributes.empty()) return;
    const Origin from = origins_.of(value, true);
    for (const std::string &path : from.attributes) {
      if (path.rfind("self", 0) == 0) effects_.written.insert(path);
    }
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
    const auto value = known_.value(n->input(static_cast<size_t>(*i)));
    return !value || !value->isBool() || value->toBool();
  }
  bool may_be_nonzero(const Node *n, const c10::FunctionSchema &schema, const char *argument) const {
    const auto i = schema.argumentIndexWithName(argument);
    if (!i) return true;
    const auto value = known_.value(n->input(static_cast<size_t>(*i)));
    return !value || !value->isDouble() || value->toDouble() != 0;
  }

  const Code &code_;
  const Known known_;
  const Origins origins_;
  Effects effects_;
};

}  // namespace

std::vector<Effects> effects_of(const torch::jit::Module &module, const std::vector<torch::jit::Method> &methods) {
  const std::vector<Code> codes(methods.begin(), methods.end());
  std::unordered_set<std::string> assigned;
  for (const Code &code : codes) assigned.merge(code.assigned());
  std::vector<Effects> effects;
  for (const Code &code : codes) effects.push_back(Analysis(module, code, assigned).run());
  return effects;
}

}  // namespace mrun_torch
