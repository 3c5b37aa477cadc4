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

bool is_plain(const at::Tensor &t) {
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
  const bool fits = is_plain(x) && x.dim() > 0 && x.size(-1) == inner;
  const int64_t rows = fits ? x.numel() / inner : 0;
  if (rows * inner * outer <= most_work || rows * inner * columns(inner) > most_work) return at::matmul(x, matrix);
  const at::Tensor given = x.reshape({rows, inner});
  const at::Tensor result = at::empty({rows, outer}, x.options());
  int64_t from = 0;
  for (const at::Tensor &slice : slices) {
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
  if (!value || !value->isTensor() || !is_plain(value->toTensor())) return false;
  const at::Tensor t = value->toTensor();
  return t.dim() == 2 && usual_rows * t.numel() > most_work && columns(t.size(0)) > 0;
}

torch::jit::Value *slices_of(torch::jit::Value *constant) {
  const at::Tensor matrix = torch::jit::toIValue(constant)->toTensor();
  c10::List<at::Tensor> slices;
  for (const at::Tensor &part : matrix.split(columns(matrix.size(0)), 1))
    slices.push_back(part.clone(at::MemoryFormat::Contiguous));
  return constant->owningGraph()->insertConstant(slices);
}

void slice_products(torch::jit::Block *block) {
  std::vector<torch::jit::Node *> found;
  for (torch::jit::Node *n : block->nodes()) {
    for (torch::jit::Block *inner : n->blocks()) slice_products(inner);
    if (n->kind() == c10::aten::matmul && is_large(n->input(1))) found.push_back(n);
  }
  for (torch::jit::Node *n : found) {
    const torch::jit::WithInsertPoint here(n);
    torch::jit::Value *const slices = slices_of(n->input(1));
    torch::jit::Node *own = block->owningGraph()->create(product_symbol(), {n->input(0), n->input(1), slices});
    own->copyMetadata(n);
    own->output()->copyMetadata(n->output());
    own->insertBefore(n);
    n->output()->replaceAllUsesWith(own->output());
    n->destroy();
  }
}

}  // namespace

void slice_products(const std::shared_ptr<torch::jit::Graph> &graph) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) slice_products(graph->block());
#else
  (void)graph;
#endif
}

}  // namespace mrun_torch
