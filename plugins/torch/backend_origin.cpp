#include "backend_origin.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace mrun_torch {
namespace {

using c10::TypeKind;
using c10::TypePtr;
using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;
namespace attr = c10::attr;
namespace prim = c10::prim;
namespace aten = c10::aten;

// Operators that may return an argument itself although their schema does not say so.
const std::unordered_set<std::string> unmarked_views = {"dropout",
                                                        "feature_dropout",
                                                        "alpha_dropout",
                                                        "feature_alpha_dropout",
                                                        "type_as",
                                                        "to_dense",
                                                        "dequantize",
                                                        "copy",
                                                        "sum_to_size",
                                                        "cartesian_prod",
                                                        "chain_matmul",
                                                        "linalg_multi_dot",
                                                        "einsum",
                                                        "atleast_1d",
                                                        "atleast_2d",
                                                        "atleast_3d",
                                                        "conj_physical",
                                                        "lift",
                                                        "data",
                                                        "_unsafe_view",
                                                        "_cast_Float",
                                                        "_cast_Double",
                                                        "_cast_Half",
                                                        "_cast_Int",
                                                        "_cast_Long",
                                                        "_cast_Short",
                                                        "_cast_Char",
                                                        "_cast_Byte",
                                                        "_remove_batch_dim",
                                                        "_saturate_weight_to_fp16",
                                                        "_pack_sequence",
                                                        "cumprod_backward",
                                                        "flatten_dense_tensors"};

bool has_memory(const TypePtr &t);

bool has_memory_inside(const TypePtr &t) {
  if (t->kind() == TypeKind::TensorType) return false;
  const auto parts = t->containedTypes();
  return parts.empty() || t->kind() == TypeKind::ClassType || std::any_of(parts.begin(), parts.end(), has_memory);
}

// Whether a value of this type may be what is written, or hold it.
bool has_memory(const TypePtr &t) {
  switch (t->kind()) {
    case TypeKind::IntType:
    case TypeKind::FloatType:
    case TypeKind::ComplexType:
    case TypeKind::BoolType:
    case TypeKind::NumberType:
    case TypeKind::StringType:
    case TypeKind::NoneType:
    case TypeKind::DeviceObjType: return false;
    case TypeKind::TensorType:
    case TypeKind::ListType:
    case TypeKind::DictType: return true;
    default: return has_memory_inside(t);
  }
}

bool is_tensor(const TypePtr &t) { return t->kind() == TypeKind::TensorType; }

bool gives_parts(const Node *n) {
  return n->kind() == prim::TupleUnpack || n->kind() == prim::TupleIndex || n->kind() == prim::TupleSlice ||
         n->kind() == prim::ListUnpack;
}

bool makes_container(const Node *n) {
  return n->kind() == prim::ListConstruct || n->kind() == prim::DictConstruct || n->kind() == prim::TupleConstruct;
}

// Whether a result may be, or hold, memory of an input.
bool may_share(const Node *n, size_t result, size_t input, bool inside) {
  const TypePtr &in = n->input(input)->type(), &out = n->outputs()[result]->type();
  if (!has_memory(in)) return false;
  const auto *schema = n->maybeSchema();
  if (schema == nullptr || n->kind().is_prim()) return !is_tensor(in) || is_tensor(out) || has_memory_inside(out);
  if (n->kind() == aten::wait || unmarked_views.count(n->kind().toUnqualString())) return true;
  const auto &results = schema->returns();
  const auto *alias = result < results.size() ? results[result].alias_info() : nullptr;
  if (alias == nullptr) return inside && has_memory_inside(out);  // a new list of what another has
  if (input >= schema->arguments().size() || schema->arguments()[input].alias_info() != nullptr) return true;
  return alias->isWildcardAfter() || !is_tensor(out);
}

}  // namespace

// From a value back to what it may come from.
class Origins::Search {
 public:
  explicit Search(const Origins &all) : all_(all) {}

  Origin run(const Value *v, bool inside) {
    push(v, inside, "");
    while (!open_.empty()) {
      if (seen_.size() > most_steps) return {{"self"}, true};
      const Step step = std::move(open_.back());
      open_.pop_back();
      follow(step);
    }
    return std::move(found_);
  }

 private:
  struct Step {
    const Value *value;
    bool inside;       // what it holds is asked for, too
    std::string path;  // ".a.b": not the value, but this attribute of it
    bool operator<(const Step &o) const { return std::tie(value, inside, path) < std::tie(o.value, o.inside, o.path); }
  };

  void push(const Value *v, bool inside, std::string path) {
    if (path.size() > longest_path) path.clear(), inside = true;
    Step step{v, inside, std::move(path)};
    if (seen_.insert(step).second) open_.push_back(std::move(step));
  }
  void push_all(const std::vector<const Value *> &values) {
    for (const Value *v : values) push(v, true, "");
  }

  void follow(const Step &s) {
    const Value *v = s.value;
    const Node *n = v->node();
    if (n->kind() == prim::Param) {
      follow_parameter(s);
    } else if (n->kind() == prim::Constant) {
      if (has_memory(v->type())) found_.attributes.insert("a constant");
    } else if (n->kind() == prim::GetAttr) {
      follow_attribute(s);
    } else if (n->kind() == prim::If) {
      const Block *taken = all_.known_.taken_branch(n);
      for (const Block *b : n->blocks()) {
        if (taken == nullptr || b == taken) push(b->outputs()[v->offset()], s.inside, s.path);
      }
    } else if (n->kind() == prim::Loop) {
      push(n->inputs()[v->offset() + 2], s.inside, s.path);
      push(n->blocks()[0]->outputs()[v->offset() + 1], s.inside, s.path);
    } else if (const torch::jit::Graph *called = all_.code_.called(n)) {
      push(called->outputs().at(v->offset()), s.inside, s.path);
    } else {
      follow_node(s);
    }
  }
  void follow_parameter(const Step &s) {
    const Value *v = s.value;
    const Block *block = v->node()->owningBlock();
    const Node *owner = block->owningNode();
    if (owner == nullptr) {
      if (const Value *given = all_.code_.given(v)) {
        push(given, s.inside, s.path);
      } else if (v == all_.code_.graph().inputs()[0]) {
        found_.attributes.insert("self" + s.path);
      } else {
        found_.input = true;
      }
    } else if (owner->kind() == prim::Loop && v->offset() > 0) {
      push(owner->inputs()[v->offset() + 1], s.inside, s.path);
      push(block->outputs()[v->offset()], s.inside, s.path);
    } else {
      for (const Value *each : owner->inputs()) push(each, s.inside, s.path);
    }
  }
  void follow_attribute(const Step &s) {
    const std::string &name = s.value->node()->s(attr::name);
    push(s.value->node()->input(0), false, "." + name + s.path);
    const auto values = all_.assigned_.find(name);
    if (values == all_.assigned_.end()) return;
    for (const Value *v : values->second) push(v, s.inside, s.path);
  }
  void follow_node(const Step &s) {
    const Node *n = s.value->node();
    if (n->kind() == prim::CreateObject || makes_container(n)) {
      if (s.inside) push_all({n->inputs().begin(), n->inputs().end()}), push_all(all_.put_);
    } else if (n->kind() == prim::TupleUnpack && n->input(0)->node()->kind() == prim::TupleConstruct) {
      push(n->input(0)->node()->input(s.value->offset()), s.inside, s.path);
    } else {
      follow_inputs(s);
    }
  }
  void follow_inputs(const Step &s) {
    const Node *n = s.value->node();
    if (s.inside && has_memory_inside(s.value->type())) push_all(all_.put_);  // into a list that an operator made
    const bool passes = n->kind().is_prim() && !gives_parts(n);
    for (size_t i = 0; i < n->inputs().size(); ++i) {
      if (!may_share(n, s.value->offset(), i, s.inside)) continue;
      const Value *from = n->input(i);
      const bool part = !passes && n->kind() != aten::wait && !is_tensor(from->type());
      push(from, s.inside || part, part ? "" : s.path);
    }
  }

  static constexpr size_t most_steps = 100'000, longest_path = 4096;
  const Origins &all_;
  Origin found_;
  std::set<Step> seen_;
  std::vector<Step> open_;
};

Origins::Origins(const Code &code, const Known &known) : code_(code), known_(known) {
  for (const Node *n : code.nodes()) note(n);
}

void Origins::note(const Node *n) {
  if (n->kind() == prim::SetAttr) {
    assigned_[n->s(attr::name)].push_back(n->input(1));
    put_.push_back(n->input(1));
    return;
  }
  const auto *schema = n->maybeSchema();
  if (schema == nullptr) return;
  for (size_t i = 0; i < schema->arguments().size() && i < n->inputs().size(); ++i) {
    const auto *alias = schema->arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) continue;
    const auto values = put(n, i);
    put_.insert(put_.end(), values.begin(), values.end());
  }
}

std::vector<const Value *> Origins::put(const Node *n, size_t into) {
  std::vector<const Value *> values;
  if (is_tensor(n->input(into)->type())) return values;
  for (size_t i = 0; i < n->inputs().size(); ++i) {
    if (i != into && has_memory(n->input(i)->type())) values.push_back(n->input(i));
  }
  return values;
}

Origin Origins::of(const Value *v, bool inside) const { return Search(*this).run(v, inside); }

}  // namespace mrun_torch
