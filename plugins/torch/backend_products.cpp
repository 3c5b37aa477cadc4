#include "backend_products.h"

#include <ATen/core/stack.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include <algorithm>

namespace mrun_torch {
namespace {

// OpenBLAS copies the whole matrix into its kernels' order for each product, but where the product is small enough
// (kernel/x86_64/sgemm_small_kernel_permit_skylakex.c: at most 100^3 multiplications, with AVX-512). That copy is most of a
// product of few rows: slices of columns keep each product small, and lie together, so that they are read as they come.
constexpr int64_t most_work = 1000 * 1000, most_rows = 8, usual_rows = 4, least_columns = 128, multiple = 32;

bool has_small_products() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

bool is_dense_float(const at::Tensor &t) {
  return t.defined() && t.layout() == at::kStrided && t.is_cpu() && t.scalar_type() == at::kFloat && !t.requires_grad();
}

// How many columns a slice has: for as many rows as leave enough; 0 where one row is too long.
int64_t columns(int64_t inner) {
  for (int64_t rows = most_rows; rows > 0 && inner > 0; rows /= 2) {
    const int64_t fit = most_work / (rows * inner) / multiple * multiple;
    if (fit >= least_columns) return fit;
  }
  return 0;
}

at::Tensor product(const at::Tensor &x, const at::Tensor &matrix, const c10::List<at::Tensor> &slices) {
  const int64_t inner = matrix.size(0), outer = matrix.size(1);
  const bool fits = is_dense_float(x) && x.dim() > 0 && x.size(-1) == inner;
  const int64_t rows = fits ? x.numel() / inner : 0;
  if (rows * inner * outer <= most_work || rows * inner * columns(inner) > most_work) return at::matmul(x, matrix);
  const at::Tensor given = x.reshape({rows, inner});
  const at::Tensor result = at::empty({rows, outer}, x.options());
  int64_t from = 0;
  for (size_t i = 0; i < slices.size(); ++i) {
    const at::Tensor slice = slices.get(i);
    at::Tensor part = result.narrow(1, from, slice.size(1));
    at::mm_out(part, given, slice);
    from += slice.size(1);
  }
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outer;
  return result.view(shape);
}

c10::Symbol product_symbol() {
  static const c10::Symbol symbol = [] {
    const auto run = [](torch::jit::Stack &stack) {
      const c10::List<at::Tensor> slices = torch::jit::pop(stack).toTensorList();
      const at::Tensor matrix = torch::jit::pop(stack).toTensor(), x = torch::jit::pop(stack).toTensor();
      stack.emplace_back(product(x, matrix, slices));
    };
    constexpr const char *schema = "mrun::product(Tensor x, Tensor matrix, Tensor[] slices) -> Tensor";
    torch::jit::registerOperator({schema, run, c10::AliasAnalysisKind::PURE_FUNCTION});
    return c10::Symbol::fromQualString("mrun::product");
  }();
  return symbol;
}

// A matrix that is too large for some rows to be a small product.
bool is_large(const torch::jit::Value *v) {
  const auto value = torch::jit::toIValue(v);
  if (!value || !value->isTensor() || !is_dense_float(value->toTensor())) return false;
  const at::Tensor t = value->toTensor();
  return t.dim() == 2 && usual_rows * t.numel() > most_work && columns(t.size(0)) > 0;
}

// The same elements in the same memory, which a flag may say to be read as conjugated or negated.
bool is_same(const at::Tensor &a, const at::Tensor &b) {
  return a.is_alias_of(b) && a.storage_offset() == b.storage_offset() && a.dtype() == b.dtype() &&
         a.sizes() == b.sizes() && a.strides() == b.strides() && a.is_conj() == b.is_conj() && a.is_neg() == b.is_neg();
}

void take_place(torch::jit::Node *own, torch::jit::Node *of) {
  own->copyMetadata(of);
  own->output()->copyMetadata(of->output());
  own->insertBefore(of);
}

// A linear layer whose weight and bias are fixed.
bool is_linear(const torch::jit::Node *n) {
  if (n->kind() != c10::aten::linear || n->inputs().size() != 3) return false;
  const auto weight = torch::jit::toIValue(n->input(1));
  return weight && weight->isTensor() && weight->toTensor().dim() == 2 && torch::jit::toIValue(n->input(2));
}

void destroy_unused(torch::jit::Value *constant) {
  if (!constant->hasUses()) constant->node()->destroy();
}

}  // namespace

const at::Tensor &Products::matrix_of(const at::Tensor &weight) {
  for (const auto &[known, matrix] : matrices_) {
    if (is_same(known, weight)) return matrix;
  }
  matrices_.emplace_back(weight, weight.t().clone(at::MemoryFormat::Contiguous));
  return matrices_.back().second;
}

const c10::List<at::Tensor> &Products::slices_of(const at::Tensor &matrix) {
  for (const auto &[known, slices] : slices_) {
    if (is_same(known, matrix)) return slices;
  }
  c10::List<at::Tensor> slices;
  for (const at::Tensor &part : matrix.split(columns(matrix.size(0)), 1))
    slices.push_back(part.clone(at::MemoryFormat::Contiguous));
  slices_.emplace_back(matrix, std::move(slices));
  return slices_.back().second;
}

// As libtorch's FrozenLinearTranspose, which lays out a weight again for each place where it is used.
torch::jit::Node *Products::multiply(torch::jit::Node *linear) {
  const torch::jit::WithInsertPoint here(linear);
  torch::jit::Graph &graph = *linear->owningGraph();
  torch::jit::Value *const weight = linear->input(1), *const bias = linear->input(2);
  torch::jit::Value *const matrix = graph.insertConstant(matrix_of(torch::jit::toIValue(weight)->toTensor()));
  torch::jit::Node *const product = graph.create(c10::aten::matmul, {linear->input(0), matrix});
  take_place(product, linear);
  torch::jit::Value *result = product->output();
  if (!torch::jit::toIValue(bias)->isNone()) {
    torch::jit::Node *const sum = graph.create(c10::aten::add, {result, bias, graph.insertConstant(1)});
    take_place(sum, linear);
    result = sum->output();
  }
  linear->output()->replaceAllUsesWith(result);
  linear->destroy();
  destroy_unused(weight);
  return product;
}

void Products::slice(torch::jit::Node *matmul) {
  const torch::jit::WithInsertPoint here(matmul);
  torch::jit::Graph &graph = *matmul->owningGraph();
  torch::jit::Value *const matrix = matmul->input(1);
  torch::jit::Value *const slices = graph.insertConstant(slices_of(torch::jit::toIValue(matrix)->toTensor()));
  torch::jit::Node *const own = graph.create(product_symbol(), {matmul->input(0), matrix, slices});
  take_place(own, matmul);
  matmul->output()->replaceAllUsesWith(own->output());
  matmul->destroy();
}

void Products::lay_out(torch::jit::Block *block) {
  std::vector<torch::jit::Node *> found;
  for (torch::jit::Node *n : block->nodes()) {
    for (torch::jit::Block *inner : n->blocks()) lay_out(inner);
    if (n->kind() == c10::aten::matmul || is_linear(n)) found.push_back(n);
  }
  for (torch::jit::Node *n : found) {
    torch::jit::Node *const product = n->kind() == c10::aten::matmul ? n : multiply(n);
    if (has_small_products() && is_large(product->input(1))) slice(product);
  }
}

}  // namespace mrun_torch
