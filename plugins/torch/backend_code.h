// A method's code as a whole, and what it and the model's attributes fix without running it.
#pragma once
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace mrun_torch {

// What a method calls is inlined in its graph, but for what runs beside it (fork) or around it (with): these have graphs of
// their own here.
class Code {
 public:
  explicit Code(const torch::jit::Method &);

  const torch::jit::Graph &graph() const { return *graph_; }
  // What a fork runs, or `with` at its begin or end; null for any other node.
  torch::jit::Graph *called(const torch::jit::Node *) const;
  // What the caller gives for a parameter of such a graph; null for any other value.
  const torch::jit::Value *given(const torch::jit::Value *) const;
  const std::vector<const torch::jit::Node *> &nodes() const { return nodes_; }  // of all these graphs
  std::unordered_set<std::string> assigned() const;                              // names of attributes

 private:
  void collect(const torch::jit::Block *);
  void call(const torch::jit::Node *caller, std::shared_ptr<torch::jit::Graph>);
  void call_around(const torch::jit::Node *, const char *method);

  std::shared_ptr<torch::jit::Graph> graph_;
  std::unordered_map<const torch::jit::Node *, std::shared_ptr<torch::jit::Graph>> called_;
  std::unordered_map<const torch::jit::Graph *, const torch::jit::Node *> callers_;
  std::vector<const torch::jit::Node *> nodes_;
  std::vector<const torch::jit::Function *> open_;  // those whose graphs are being collected
};

class Known {
 public:
  // assigned: attributes that any method assigns, which are not fixed. Both must outlive it.
  Known(const torch::jit::Module &module, const Code &code, const std::unordered_set<std::string> &assigned)
      : module_(module), code_(code), assigned_(assigned) {}

  std::optional<c10::IValue> value(const torch::jit::Value *) const;
  // Of a prim::If; null where both are possible.
  const torch::jit::Block *taken_branch(const torch::jit::Node *) const;

 private:
  std::optional<c10::IValue> attribute(const torch::jit::Node *) const;
  std::optional<c10::IValue> branch(const torch::jit::Node *, const torch::jit::Value *) const;
  std::optional<c10::IValue> is(const torch::jit::Node *) const;
  std::optional<c10::IValue> equal(const torch::jit::Node *) const;

  const torch::jit::Module &module_;
  const Code &code_;
  const std::unordered_set<std::string> &assigned_;
  mutable std::unordered_map<const torch::jit::Node *, const torch::jit::Block *> taken_;
};

}  // namespace mrun_torch
