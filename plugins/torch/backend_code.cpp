#include "backend_code.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <mrun/plugin.hpp>
#include <utility>

namespace mrun_torch {

using c10::IValue;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace attr = c10::attr;
namespace prim = c10::prim;
namespace aten = c10::aten;

// ---- all of the code ------------------------------------------------------------------------------------------------

Code::Code(const torch::jit::Method &method) : graph_(method.graph()->copy()) {
  torch::jit::Inline(*graph_);
  collect(graph_->block());
}

Graph *Code::called(const Node *n) const {
  const auto found = called_.find(n);
  return found == called_.end() ? nullptr : found->second.get();
}

const Value *Code::given(const Value *v) const {
  if (v->node()->kind() != prim::Param || v->node()->owningBlock()->owningNode() != nullptr) return nullptr;
  const auto caller = callers_.find(v->owningGraph());
  if (caller == callers_.end() || v->offset() >= caller->second->inputs().size()) return nullptr;
  return caller->second->input(v->offset());
}

std::unordered_set<std::string> Code::assigned() const {
  std::unordered_set<std::string> names;
  for (const Node *n : nodes_) {
    if (n->kind() == prim::SetAttr) names.insert(n->s(attr::name));
  }
  return names;
}

void Code::collect(const Block *block) {
  for (const Node *n : block->nodes()) {
    nodes_.push_back(n);
    for (const Block *inner : n->blocks()) collect(inner);
    if (n->hasAttribute(attr::Subgraph)) call(n, n->g(attr::Subgraph));  // prim::fork
    if (n->kind() == prim::Enter) call_around(n, "__enter__");
    if (n->kind() == prim::Exit) call_around(n, "__exit__");
  }
}

void Code::call(const Node *caller, std::shared_ptr<Graph> graph) {
  torch::jit::Inline(*graph);
  callers_[graph.get()] = caller;
  collect(graph->block());
  called_[caller] = std::move(graph);
}

// The interpreter finds the method when it comes to the node: no call of it stands in the graph.
void Code::call_around(const Node *n, const char *method) {
  const auto type = n->input(0)->type()->cast<c10::ClassType>();
  torch::jit::Function *function = type ? type->findMethod(method) : nullptr;
  if (function == nullptr) return;
  if (std::find(open_.begin(), open_.end(), function) != open_.end()) {
    throw mrun::error(MRUN_BUNDLE, "the model's " + function->name() + " enters itself");
  }
  open_.push_back(function);
  call(n, torch::jit::toGraphFunction(*function).graph()->copy());
  open_.pop_back();
}

// ---- what is known without running ----------------------------------------------------------------------------------

std::optional<IValue> Known::value(const Value *v) const {
  const Node *n = v->node();
  if (v == code_.graph().inputs()[0]) return IValue(module_._ivalue());
  if (const Value *given = code_.given(v)) return value(given);
  if (n->kind() == prim::Constant) {
    auto constant = torch::jit::toIValue(v);
    if (!constant) return std::nullopt;
    return *constant;
  }
  if (n->kind() == prim::GetAttr) return attribute(n);
  if (n->kind() == prim::If) return branch(n, v);
  if (n->kind() == aten::__not__) {
    const auto a = value(n->input(0));
    if (a && a->isBool()) return IValue(!a->toBool());
  }
  if (n->kind() == aten::__is__ || n->kind() == aten::__isnot__) return is(n);
  if (n->kind() == aten::eq || n->kind() == aten::ne) return equal(n);
  return std::nullopt;
}

const Block *Known::taken_branch(const Node *n) const {
  const auto found = taken_.find(n);
  if (found != taken_.end()) return found->second;
  const auto condition = value(n->input(0));
  const Block *taken = condition && condition->isBool() ? n->blocks()[condition->toBool() ? 0 : 1] : nullptr;
  taken_[n] = taken;
  return taken;
}

std::optional<IValue> Known::attribute(const Node *n) const {
  const std::string &name = n->s(attr::name);
  const auto object = value(n->input(0));
  if (!object || !object->isObject() || assigned_.count(name)) return std::nullopt;
  const auto &instance = object->toObjectRef();
  if (!instance.type()->findAttributeSlot(name)) return std::nullopt;
  return instance.getAttr(name);
}

std::optional<IValue> Known::branch(const Node *n, const Value *v) const {
  const Block *taken = taken_branch(n);
  return taken ? value(taken->outputs()[v->offset()]) : std::nullopt;
}

std::optional<IValue> Known::is(const Node *n) const {
  const auto a = value(n->input(0)), b = value(n->input(1));
  if (!a || !b || (!a->isNone() && !b->isNone())) return std::nullopt;
  const bool same = a->isNone() && b->isNone();
  return IValue(n->kind() == aten::__is__ ? same : !same);
}

std::optional<IValue> Known::equal(const Node *n) const {
  const auto a = value(n->input(0)), b = value(n->input(1));
  if (!a || !b) return std::nullopt;
  std::optional<bool> same;
  if (a->isInt() && b->isInt()) same = a->toInt() == b->toInt();
  if (a->isString() && b->isString()) same = a->toStringRef() == b->toStringRef();
  if (a->isBool() && b->isBool()) same = a->toBool() == b->toBool();
  if (!same) return std::nullopt;
  return IValue(n->kind() == aten::eq ? *same : !*same);
}

}  // namespace mrun_torch
