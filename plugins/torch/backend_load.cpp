#include "backend_load.h"

#include <ATen/ops/as_strided.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "archive.h"
#include "convert.h"

namespace mrun_torch {
namespace {

constexpr std::string_view header = "mrun weights 1";

class MemoryReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  MemoryReader(const void *data, size_t size) : data_(static_cast<const char *>(data)), size_(size) {}
  size_t size() const override { return size_; }
  size_t read(uint64_t at, void *to, size_t count, const char *) const override {
    if (at >= size_) return 0;
    count = std::min(count, size_ - static_cast<size_t>(at));
    std::memcpy(to, data_ + at, count);
    return count;
  }

 private:
  const char *data_;
  size_t size_;
};

// ---- the walk over a model's attributes -----------------------------------------------------------------------------

// Names every tensor that is reached by attributes alone, in the order of these, so that packing and loading find the same
// places. An object is walked once: models may hold one twice, or itself.
class Walk {
 public:
  std::vector<Place> places;

  void object(const c10::ivalue::Object &o, const std::string &path) {
    if (!seen_.insert(&o).second) return;
    const auto type = o.type();
    if (type->findMethod("__getstate__") != nullptr || o.slots().size() < type->numAttributes()) return;
    for (size_t i = 0; i < type->numAttributes(); ++i) value(o.getSlot(i), join(path, type->getAttributeName(i)));
  }

 private:
  static std::string join(const std::string &path, const std::string &name) {
    return path.empty() ? name : path + "." + name;
  }

  void value(const c10::IValue &v, const std::string &path) {
    if (++depth_ > deepest) throw mrun::error(MRUN_BUNDLE, "the model's attributes are nested too deep");
    visit(v, path);
    --depth_;
  }
  void visit(const c10::IValue &v, const std::string &path) {
    if (v.isTensor()) {
      if (v.toTensor().defined()) places.push_back({path, v.toTensor()});
    } else if (v.isTuple()) {
      items(v.toTupleRef().elements().vec(), path);
    } else if (v.isList()) {
      items(v.toListRef().vec(), path);
    } else if (v.isGenericDict()) {
      dictionary(v.toGenericDict(), path);
    } else if (v.isObject() && !v.isCustomClass()) {
      object(v.toObjectRef(), path);
    }
  }
  void items(const std::vector<c10::IValue> &all, const std::string &path) {
    for (size_t i = 0; i < all.size(); ++i) value(all[i], join(path, std::to_string(i)));
  }
  void dictionary(const c10::impl::GenericDict &all, const std::string &path) {
    for (const auto &entry : all) {
      if (entry.key().isString()) value(entry.value(), join(path, entry.key().toStringRef()));
      if (entry.key().isInt()) value(entry.value(), join(path, std::to_string(entry.key().toInt())));
    }
  }

  static constexpr int deepest = 200;
  std::unordered_set<const c10::ivalue::Object *> seen_;
  int depth_ = 0;
};

// ---- the table of views ---------------------------------------------------------------------------------------------

[[noreturn]] void damaged_table(const std::string &what) {
  throw mrun::error(MRUN_BUNDLE, "the model's table of weights is damaged: " + what);
}

std::string numbers_text(const std::vector<int64_t> &numbers) {
  std::string out;
  for (const int64_t n : numbers) out += (out.empty() ? "" : ",") + std::to_string(n);
  return out;
}

std::vector<int64_t> read_numbers(std::string_view text) {
  std::vector<int64_t> out;
  while (!text.empty()) {
    int64_t n = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (code != std::errc() || n < 0) damaged_table("want numbers that are not negative");
    out.push_back(n);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) break;
    if (text.front() != ',' || text.size() == 1) damaged_table("want numbers with commas between them");
    text.remove_prefix(1);
  }
  return out;
}

WeightView read_view(std::string_view line) {
  std::string_view fields[6];
  for (int i = 0; i < 5; ++i) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos) damaged_table("a line has fewer than six fields");
    fields[i] = line.substr(0, tab);
    line.remove_prefix(tab + 1);
  }
  WeightView view;
  view.weight = fields[0];
  view.path = line;
  if (!scalar_type_of(fields[1], &view.dtype)) damaged_table("unknown dtype " + std::string(fields[1]));
  const std::vector<int64_t> offset = read_numbers(fields[2]);
  if (offset.size() != 1) damaged_table("want one offset");
  view.offset = offset[0];
  view.sizes = read_numbers(fields[3]);
  view.strides = read_numbers(fields[4]);
  if (view.sizes.size() != view.strides.size()) damaged_table("sizes and strides differ in number");
  return view;
}

// ---- weights into the graph -----------------------------------------------------------------------------------------

class Weights {
 public:
  Weights(mrun_call *call, const mrun_value &map) : call_(call), map_(map) {}

  at::Tensor view(const WeightView &v) {
    const at::Tensor &all = find(v.weight);
    if (all.scalar_type() != v.dtype) {
      throw mrun::error(
          MRUN_BUNDLE, "weight " + v.weight + " is " + dtype_name(all.scalar_type()) + ", want " + dtype_name(v.dtype));
    }
    if (reach_of(v) > all.numel()) {
      throw mrun::error(MRUN_BUNDLE, "weight " + v.weight + " has " + std::to_string(all.numel()) +
                                         " elements, fewer than " + v.path + " needs");
    }
    return at::as_strided(all, v.sizes, v.strides, v.offset);
  }

 private:
  const at::Tensor &find(const std::string &name) {
    const auto known = tensors_.find(name);
    if (known != tensors_.end()) return known->second;
    const mrun_entry *first = map_.as.map.items, *last = first + map_.as.map.size;
    const auto text = [](const mrun_entry &e) { return std::string_view(e.key.data, e.key.size); };
    const mrun_entry *e =
        std::lower_bound(first, last, name, [&](const mrun_entry &a, const std::string &b) { return text(a) < b; });
    if (e == last || text(*e) != name || e->value.kind != MRUN_TENSOR) {
      throw mrun::error(MRUN_MISSING, "the model's weights have no tensor " + name);
    }
    at::Tensor t = from_value(call_, e->value, true);
    if (!t.is_contiguous()) throw mrun::error(MRUN_BUNDLE, "weight " + name + " is not contiguous");
    return tensors_.emplace(name, std::move(t)).first->second;
  }

  mrun_call *call_;
  const mrun_value &map_;
  std::unordered_map<std::string, at::Tensor> tensors_;
};

void attach(mrun_call *call, const torch::jit::Module &module, const std::string &table, const mrun_value &weights) {
  std::unordered_map<std::string, at::Tensor> places;
  for (Place &p : places_of(module)) places.emplace(std::move(p.path), std::move(p.tensor));
  Weights all(call, weights);
  for (const WeightView &view : read_views(table)) {
    const auto place = places.find(view.path);
    if (place == places.end()) damaged_table("the model has no tensor " + view.path);
    if (place->second.sizes() != at::IntArrayRef(view.sizes) || place->second.scalar_type() != view.dtype) {
      damaged_table(view.path + " has another shape or dtype in the model");
    }
    // In place: whatever else in the model holds this tensor sees the weight, too.
    place->second.set_data(all.view(view));
  }
}

}  // namespace

std::vector<Place> places_of(const torch::jit::Module &module) {
  Walk walk;
  walk.object(*module._ivalue(), "");
  return std::move(walk.places);
}

std::string write_views(const std::vector<WeightView> &views) {
  std::string out(header);
  out += '\n';
  for (const WeightView &v : views) {
    out += v.weight + '\t' + dtype_name(v.dtype) + '\t' + std::to_string(v.offset) + '\t' + numbers_text(v.sizes) +
           '\t' + numbers_text(v.strides) + '\t' + v.path + '\n';
  }
  return out;
}

std::vector<WeightView> read_views(const std::string &text) {
  std::string_view rest = text;
  std::vector<WeightView> views;
  bool first = true;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) damaged_table("the last line does not end");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!first) {
      views.push_back(read_view(line));
    } else if (line != header) {
      damaged_table("want \"" + std::string(header) + "\" in the first line");
    }
    first = false;
  }
  if (first) damaged_table("it is empty");
  return views;
}

int64_t reach_of(const WeightView &view) {
  int64_t last = view.offset;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    if (view.sizes[i] == 0) return 0;
    int64_t step = 0;
    if (__builtin_mul_overflow(view.sizes[i] - 1, view.strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      damaged_table(view.path + " is too large");
    }
  }
  if (__builtin_add_overflow(last, int64_t{1}, &last)) damaged_table(view.path + " is too large");
  return last;
}

torch::jit::Module load_module(mrun_call *call, const void *data, size_t size, const mrun_value *weights) {
  check_archive(data, size);
  torch::jit::ExtraFilesMap extra = {{views_file, ""}};
  torch::jit::Module module = torch::jit::load(std::make_shared<MemoryReader>(data, size), c10::kCPU, extra);
  if (weights != nullptr) {
    if (weights->kind != MRUN_MAP) throw mrun::error(MRUN_USAGE, "the model's weights want a map of tensors");
    attach(call, module, extra[views_file], *weights);
  }
  return module;
}

}  // namespace mrun_torch
