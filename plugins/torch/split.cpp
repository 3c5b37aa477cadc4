#include "split.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mrun/plugin.hpp>
#include <numeric>
#include <set>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "backend_load.h"
#include "convert.h"

namespace mrun_torch {
namespace {

// ---- which tensors, and what to call them ---------------------------------------------------------------------------

// Complex and quantized tensors, and those without memory, stay in the graph: a weights file has no such dtypes.
bool can_leave(const Place &p) {
  const at::Tensor &t = p.tensor;
  return t.layout() == c10::kStrided && t.has_storage() && t.device().is_cpu() && !t.is_quantized() &&
         !t.is_complex() && !t.is_neg() && t.numel() > 0 && std::string_view(dtype_name(t.scalar_type())) != "?" &&
         p.path.find_first_of("\t\n") == std::string::npos;
}

// A stretch of one storage that overlapping places share, in elements.
struct Stretch {
  std::vector<const Place *> places;
  int64_t begin = 0, end = 0;
};

int64_t end_of(const at::Tensor &t) {
  int64_t last = t.storage_offset();
  for (int64_t d = 0; d < t.dim(); ++d) last += (t.size(d) - 1) * t.stride(d);
  return last + 1;
}

// Places of one storage, cut where none of them reaches across.
std::vector<Stretch> stretches(std::vector<const Place *> places) {
  std::stable_sort(places.begin(), places.end(), [](const Place *a, const Place *b) {
    return a->tensor.storage_offset() < b->tensor.storage_offset();
  });
  std::vector<Stretch> out;
  for (const Place *p : places) {
    const int64_t begin = p->tensor.storage_offset(), end = end_of(p->tensor);
    if (out.empty() || begin >= out.back().end) out.push_back({{}, begin, end});
    out.back().places.push_back(p);
    out.back().end = std::max(out.back().end, end);
  }
  return out;
}

// The stretch as a contiguous tensor: in its own shape where there is one view of all of it, with dimensions in the
// order of the memory; else as one row.
at::Tensor dense(const Stretch &s) {
  const at::Tensor &t = s.places[0]->tensor;
  const bool alike = std::all_of(s.places.begin(), s.places.end(), [&](const Place *p) {
    return p->tensor.sizes() == t.sizes() && p->tensor.strides() == t.strides() &&
           p->tensor.storage_offset() == t.storage_offset();
  });
  if (alike && t.is_contiguous()) return t.detach();
  std::vector<int64_t> order(static_cast<size_t>(t.dim()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return t.stride(a) > t.stride(b); });
  const at::Tensor permuted = t.detach().permute(order);
  if (alike && permuted.is_contiguous()) return permuted;
  return at::as_strided(t.detach(), {s.end - s.begin}, {1}, s.begin);
}

struct Plan {
  std::vector<WeightView> views;
  std::vector<std::pair<std::string, at::Tensor>> weights;
};

std::string unused(std::set<std::string> &used, const std::string &name) {
  std::string candidate = name;
  for (int i = 2; !used.insert(candidate).second; ++i) candidate = name + "#" + std::to_string(i);
  return candidate;
}

Plan plan_of(const std::vector<Place> &places) {
  std::vector<const c10::StorageImpl *> order;
  std::unordered_map<const c10::StorageImpl *, std::vector<const Place *>> by_storage;
  for (const Place &p : places) {
    if (!can_leave(p)) continue;
    auto &group = by_storage[p.tensor.storage().unsafeGetStorageImpl()];
    if (group.empty()) order.push_back(p.tensor.storage().unsafeGetStorageImpl());
    group.push_back(&p);
  }
  Plan plan;
  std::set<std::string> used;
  for (const c10::StorageImpl *storage : order) {
    const auto &group = by_storage[storage];
    const c10::ScalarType type = group[0]->tensor.scalar_type();
    const bool one_type =
        std::all_of(group.begin(), group.end(), [&](const Place *p) { return p->tensor.scalar_type() == type; });
    if (!one_type) continue;  // one memory seen as several dtypes: stays in the graph
    for (const Stretch &s : stretches(group)) {
      const std::string name = unused(used, s.places[0]->path);
      plan.weights.emplace_back(name, dense(s));
      for (const Place *p : s.places) {
        const at::Tensor &t = p->tensor;
        plan.views.push_back({name, p->path, type, t.storage_offset() - s.begin, t.sizes().vec(), t.strides().vec()});
      }
    }
  }
  return plan;
}

// ---- the graph ------------------------------------------------------------------------------------------------------

// Puts one shared element a dtype in the place of every tensor that is taken out.
void take_out(const std::vector<Place> &places, const Plan &plan) {
  std::unordered_set<std::string> taken;
  for (const WeightView &v : plan.views) taken.insert(v.path);
  std::map<c10::ScalarType, at::Tensor> elements;
  for (const Place &p : places) {
    if (!taken.count(p.path)) continue;
    const auto [e, fresh] = elements.try_emplace(p.tensor.scalar_type());
    if (fresh) e->second = at::zeros({}, p.tensor.options().requires_grad(false));
    p.tensor.set_data(e->second.expand(p.tensor.sizes()));
  }
}

std::string saved(const torch::jit::Module &module, const Plan &plan) {
  std::ostringstream out;
  module.save(out, {{views_file, write_views(plan.views)}});
  return out.str();
}

// ---- the proof ------------------------------------------------------------------------------------------------------

bool same_bits(const at::Tensor &a, const at::Tensor &b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes() || a.layout() != b.layout()) return false;
  if (a.is_quantized() || a.layout() != c10::kStrided || !a.has_storage()) return true;  // left in the graph as it was
  if (a.numel() == 0) return true;
  if (a.strides() != b.strides()) return false;
  const at::Tensor x = a.detach().contiguous(), y = b.detach().contiguous();
  return std::memcmp(x.data_ptr(), y.data_ptr(), static_cast<size_t>(x.numel()) * x.element_size()) == 0;
}

void prove(mrun_call *call, const std::vector<Place> &before, const std::string &graph, const mrun_value &weights) {
  const torch::jit::Module module = load_module(call, graph.data(), graph.size(), &weights);
  const std::vector<Place> after = places_of(module);
  bool same = before.size() == after.size();
  for (size_t i = 0; same && i < before.size(); ++i) {
    same = before[i].path == after[i].path && same_bits(before[i].tensor, after[i].tensor) &&
           before[i].tensor.requires_grad() == after[i].tensor.requires_grad();
  }
  if (!same) throw mrun::error(MRUN_MISSING, "the model does not come back the same after a split");
}

// ---- values ---------------------------------------------------------------------------------------------------------

mrun::value weights_value(mrun_call *call, const Plan &plan) {
  std::vector<mrun::value> owned;
  for (const auto &[name, tensor] : plan.weights) owned.emplace_back(to_value(call, tensor));
  std::vector<mrun_entry> entries;
  for (size_t i = 0; i < owned.size(); ++i) {
    const std::string &name = plan.weights[i].first;
    entries.push_back({{name.data(), name.size()}, owned[i].release()});
  }
  mrun::value out;
  mrun::check(mrun::host->map_new(call, entries.data(), entries.size(), out.out()));
  return out;
}

mrun::value bytes_value(mrun_call *call, const std::string &bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  mrun::value out;
  mrun::check(mrun::host->tensor_new(call, DLDataType{kDLUInt, 8, 1}, &size, 1, DLDevice{kDLCPU, 0}, out.out()));
  const DLTensor &t = out.get().as.tensor.dl->dl_tensor;
  std::memcpy(static_cast<char *>(t.data) + t.byte_offset, bytes.data(), bytes.size());
  return out;
}

std::string whole_because(const std::vector<Place> &places) {
  if (places.empty())
    return "it has no parameters and no buffers (a frozen or quantized model keeps its own in another form)";
  return "none of its tensors can be taken out: they are quantized, complex, sparse or empty";
}

}  // namespace

void split(mrun_call *call, const void *data, size_t size, mrun_value *graph, mrun_value *weights) {
  const torch::jit::Module module = load_module(call, data, size, nullptr);
  const std::vector<Place> places = places_of(module);
  const Plan plan = plan_of(places);
  if (plan.weights.empty()) throw mrun::error(MRUN_MISSING, whole_because(places));
  std::vector<Place> before;  // places lose their memory below
  for (const Place &p : places)
    before.push_back({p.path, p.tensor.detach().set_requires_grad(p.tensor.requires_grad())});
  take_out(places, plan);
  const std::string text = saved(module, plan);
  mrun::value all = weights_value(call, plan);
  prove(call, before, text, all.get());
  mrun::value bytes = bytes_value(call, text);
  *graph = bytes.release();
  *weights = all.release();
}

}  // namespace mrun_torch
