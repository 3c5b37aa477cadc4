// mrun/plugin_backend.hpp - beside plugin.hpp, for plugins that open models, and for those whose operations are too many
// to register one by one. C++17, header only.
//
//   struct Affine {
//     Affine(const mrun::call &c, const mrun::model_source &);      // opens; throws mrun::error. c.threads(): its calls'
//     mrun::tensor forward(const mrun::call &, const mrun::tensor &x) const;
//   };
//   MRUN_PLUGIN("affine", "1.0.0", "Matrix times vector.") {
//     mrun::backend<Affine>(*this, "affine", ".affine").parallel().method<&Affine::forward>("forward(Tensor x) -> (Tensor y)");
//   }
//
// Methods take and give what operations do (plugin.hpp); what [batch] means for their tensors stands at mrun_backend. A
// class serves one backend. It may have, and is then asked:
//   static std::pair<tensor, value> split(const call &, std::string_view file);     graph and weights, for packing
//   std::unique_ptr<M> clone(const call &) const;                                   a stateful model's copy for one item
//   uint32_t traits(size_t method) const;                                           MRUN_MODEL_*
//   const char *schema(size_t method) const;                                        where each model has methods of its own;
//                                                  nullptr past the last. Then method<> is not used, and it has
//   std::vector<value> run(const call &, size_t method, const mrun_value *args) const;    as many as the schema says
// Throw error(MRUN_MISSING, why) in split where a model must be packed whole.
#pragma once
#include "plugin.hpp"

#include <cstdio>
#include <deque>
#include <functional>
#include <mutex>

namespace mrun {

// What a model is opened from; valid until it is closed, but for read and map, which are for the opening alone.
class model_source {
 public:
  model_source(const call &c, const mrun_model_source &raw) : call_(c.raw), raw_(raw) {}
  std::string_view file() const { return {static_cast<const char *>(raw_.graph.data), raw_.graph.size}; }
  // The file is a graph that split gave, the weights are those it gave.
  bool is_split() const { return raw_.weights != nullptr; }
  tensor weight(std::string_view name) const {  // throws MODEL where there is none
    for (size_t i = 0; is_split() && i < raw_.weights->as.map.size; ++i) {
      const mrun_entry &e = raw_.weights->as.map.items[i];
      if (name == std::string_view(e.key.data, e.key.size)) return tensor(call(call_), e.value);
    }
    throw error(MRUN_MODEL, "the model has no weight " + std::string(name));
  }
  template <class T>
  T option(std::string_view key, T otherwise) const {  // of [models.NAME]; throws ARGUMENT where it is no T
    for (size_t i = 0; raw_.options != nullptr && i < raw_.options->as.map.size; ++i) {
      const mrun_entry &e = raw_.options->as.map.items[i];
      if (key != std::string_view(e.key.data, e.key.size)) continue;
      if (!kind<T>::is(e.value)) throw error(MRUN_ARGUMENT, std::string(key) + ": want " + kind<T>::name());
      return kind<T>::from(call(call_), e.value);
    }
    return otherwise;
  }
  const char *device() const { return raw_.device; }
  bool one_shot() const { return raw_.one_shot != 0; }
  std::vector<std::string> files() const {  // the further ones, model/NAME/
    std::vector<std::string> names;
    for (size_t i = 0; const char *name = raw_.file(raw_.files, i); ++i) names.emplace_back(name);
    return names;
  }
  tensor read(const char *name) const { return bytes_of(raw_.read, name); }  // read-only, its hash checked
  tensor map(const char *name) const { return bytes_of(raw_.map, name); }    // a private mapping, for what is large

 private:
  tensor bytes_of(int (*get)(mrun_call *, void *, const char *, mrun_value *), const char *name) const {
    tensor t;
    check(get(call_, raw_.files, name, t.out()));
    return t;
  }
  mrun_call *call_;
  const mrun_model_source &raw_;
};

namespace detail {
template <class M, class = void>
struct has_split : std::false_type {};
template <class M>
struct has_split<M, std::void_t<decltype(&M::split)>> : std::true_type {};
template <class M, class = void>
struct has_clone : std::false_type {};
template <class M>
struct has_clone<M, std::void_t<decltype(&M::clone)>> : std::true_type {};
template <class M, class = void>
struct has_schema : std::false_type {};
template <class M>
struct has_schema<M, std::void_t<decltype(&M::schema)>> : std::true_type {};
template <class M, class = void>
struct has_traits : std::false_type {};
template <class M>
struct has_traits<M, std::void_t<decltype(&M::traits)>> : std::true_type {};

// Of a schema: what stands behind its last arrow, "Tensor", "()" or "(Tensor, Dict(str, int))".
inline size_t count_results(std::string_view schema) {
  const size_t arrow = schema.rfind("->");
  const std::string_view text = arrow == std::string_view::npos ? std::string_view() : schema.substr(arrow + 2);
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return 0;
  if (text[first] != '(') return 1;
  size_t commas = 0;
  bool any = false;
  int depth = 0;
  for (const char c : text.substr(first)) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 1) ++commas;
    any = any || (c != ' ' && c != '(' && c != ')');
  }
  return any ? commas + 1 : 0;
}
// The host has room for as many as the schema says, and no more.
inline int put_results(std::string_view schema, std::vector<value> given, mrun_value *results) {
  if (given.size() > count_results(schema))
    throw error(MRUN_INTERNAL, "gave " + std::to_string(given.size()) + " results, more than its schema says");
  for (value &v : given) *results++ = v.release();
  return MRUN_OK;
}

template <class A>
decltype(auto) take_checked(call &c, const mrun_value *&next) {
  if constexpr (!is_call<A>) {
    if (!kind<bare<A>>::is(*next))
      throw error(MRUN_MODEL, "an argument is not what its method takes: " + kind<bare<A>>::name());
  }
  return take<A>(c, next);
}

// Model: the backend's class, which a model's pointer is of; a method may be one of its base's.
template <class Model, auto F, class R, class... A>
int run_method(mrun_call *raw, void *model, const mrun_value *args, [[maybe_unused]] mrun_value *results) noexcept {
  return guarded(raw, [&] {
    call c(raw);
    std::tuple<decltype(take<A>(c, args))...> a{take_checked<A>(c, args)...};  // braces: left to right
    auto run = [&](auto &&...x) -> R { return (static_cast<Model *>(model)->*F)(std::forward<decltype(x)>(x)...); };
    if constexpr (std::is_void_v<R>) {
      std::apply(run, std::move(a));
      return int{MRUN_OK};
    } else {
      return give<R>::put(c, std::apply(run, std::move(a)), results);
    }
  });
}
template <class Model, auto F, class Pointer = decltype(F)>
struct method;
template <class Model, auto F, class M, class R, class... A>
struct method<Model, F, R (M::*)(A...)> {
  static constexpr auto run = &run_method<Model, F, R, A...>;
};
template <class Model, auto F, class M, class R, class... A>
struct method<Model, F, R (M::*)(A...) const> : method<Model, F, R (M::*)(A...)> {};
template <class Model, auto F, class M, class R, class... A>
struct method<Model, F, R (M::*)(A...) noexcept> : method<Model, F, R (M::*)(A...)> {};
template <class Model, auto F, class M, class R, class... A>
struct method<Model, F, R (M::*)(A...) const noexcept> : method<Model, F, R (M::*)(A...)> {};
}  // namespace detail

// Registers the backend, at the end of the statement that makes it: the host takes it as it is then. Methods are added to
// it in the order in which models list them.
template <class M>
class backend {
 public:
  backend(const registrar &r, const char *name, const char *suffixes) : registry_(r.registry), info_(registered()) {
    // Its methods are the class's: a second backend would list them twice.
    if (first_name() != nullptr)
      host->fail(nullptr, MRUN_USAGE, "backend %s: its class is that of backend %s; derive one of its own from it",
                 name, first_name());
    first_name() = name;
    mrun_backend &b = info_;
    b.size = sizeof b;
    b.name = name;
    b.suffixes = suffixes;
    b.open = open;
    b.close = [](void *model) { delete static_cast<M *>(model); };
    b.method = list_method;
    b.call = run;
    if constexpr (detail::has_split<M>::value) b.split = split;
    if constexpr (detail::has_clone<M>::value) b.clone = clone;
    if constexpr (detail::has_traits<M>::value) {
      b.traits = [](void *model, size_t i) noexcept -> uint32_t { return static_cast<const M *>(model)->traits(i); };
    }
  }
  // Why it is refused the host notes itself, and the plugin is refused with it.
  ~backend() { host->add_backend(registry_, &info_); }
  backend(const backend &) = delete;
  backend &operator=(const backend &) = delete;
  backend &parallel() {  // methods may run on several threads at once
    info_.parallel = 1;
    return *this;
  }
  template <auto F>
  backend &method(const char *schema) {
    methods().push_back({schema, detail::method<M, F>::run});
    return *this;
  }

 private:
  struct entry {
    const char *schema;
    int (*run)(mrun_call *, void *, const mrun_value *, mrun_value *);
  };
  static mrun_backend &registered() {  // what is registered lives as long as the process
    static std::deque<mrun_backend> all;
    return all.emplace_back();
  }
  static const char *&first_name() {
    static const char *name = nullptr;
    return name;
  }
  static std::vector<entry> &methods() {
    static std::vector<entry> all;
    return all;
  }
  static const char *schema_of([[maybe_unused]] const M *model, size_t i) {
    if constexpr (detail::has_schema<M>::value) {
      return model->schema(i);
    } else {
      return i < methods().size() ? methods()[i].schema : nullptr;
    }
  }
  // There is no call here to fail: what schema or traits throws is given as a schema, which the host refuses and shows.
  static const char *list_method(void *model, size_t i) noexcept {
    static thread_local char thrown[200];
    try {
      const M *m = static_cast<const M *>(model);
      const char *schema = schema_of(m, i);
      if constexpr (detail::has_traits<M>::value) {
        if (schema != nullptr) m->traits(i);
      }
      return schema;
    } catch (const std::exception &e) {
      std::snprintf(thrown, sizeof thrown, "(it threw: %s)", e.what());
    } catch (...) { std::snprintf(thrown, sizeof thrown, "(it threw an exception)"); }
    return thrown;
  }
  static int run(mrun_call *raw, void *model, size_t i, const mrun_value *args, mrun_value *results) {
    if constexpr (detail::has_schema<M>::value) {
      return detail::guarded(raw, [&] {
        const M &m = *static_cast<const M *>(model);
        return detail::put_results(m.schema(i), m.run(call(raw), i, args), results);
      });
    } else {
      return methods()[i].run(raw, model, args, results);
    }
  }
  static int open(mrun_call *raw, const mrun_model_source *source, void **out) {
    return detail::guarded(raw, [&] {
      const call c(raw);
      *out = std::make_unique<M>(c, model_source(c, *source)).release();
      return int{MRUN_OK};
    });
  }
  static int split(mrun_call *raw, const void *data, size_t size, mrun_value *graph, mrun_value *weights) {
    return detail::guarded(raw, [&] {
      auto [g, w] = M::split(call(raw), std::string_view(static_cast<const char *>(data), size));
      *graph = g.release();
      *weights = w.release();
      return int{MRUN_OK};
    });
  }
  static int clone(mrun_call *raw, void *model, void **copy) {
    return detail::guarded(raw, [&] {
      std::unique_ptr<M> made = static_cast<const M *>(model)->clone(call(raw));
      if (made == nullptr) throw error(MRUN_INTERNAL, "clone gave no model");
      *copy = made.release();
      return int{MRUN_OK};
    });
  }

  mrun_registry *registry_;
  mrun_backend &info_;
};

// An operation that is made when a script first asks for it. The results are owned.
struct lazy_op {
  std::string schema, doc;  // "myns.add:int(int a, int b) -> int"; no version
  std::function<std::vector<value>(call &, const mrun_value *args)> run;
};

// Operations of a prefix ("myns."): `make` gives the overloads of a name without it ("add"), none where there is no such;
// each is asked for once and kept. list: such names, nullptr past the end. version: of the library that gives them their
// meaning, "mylib 1.2".
template <std::vector<lazy_op> (*make)(const std::string &name), const char *(*list)(size_t index)>
void add_namespace(const registrar &r, const char *prefix, const char *version) {
  struct made {
    std::deque<lazy_op> own;
    std::deque<mrun_op> ops;
    std::vector<const mrun_op *> pointers;
  };
  const auto run = [](mrun_call *raw, const mrun_value *args, mrun_value *results, void *user) {
    return detail::guarded(raw, [&] {
      call c(raw);
      const auto &op = *static_cast<lazy_op *>(user);
      return detail::put_results(op.schema, op.run(c, args), results);
    });
  };
  static int (*const call_made)(mrun_call *, const mrun_value *, mrun_value *, void *) = run;
  const auto find = [](const char *name, const mrun_op *const **overloads, size_t *count) {
    return detail::guarded(nullptr, [&] {
      static std::mutex mutex;
      static std::map<std::string, made> known;
      const std::lock_guard<std::mutex> lock(mutex);
      const bool fresh = known.count(name) == 0;
      std::vector<lazy_op> found = fresh ? make(name) : std::vector<lazy_op>{};  // where it throws, it is asked again
      made &m = known[name];
      for (lazy_op &op : found) {
        lazy_op &kept = m.own.emplace_back(std::move(op));
        m.ops.push_back({sizeof(mrun_op), 0, kept.schema.c_str(), kept.doc.c_str(), nullptr, call_made, &kept});
        m.pointers.push_back(&m.ops.back());
      }
      *overloads = m.pointers.data();
      *count = m.pointers.size();
      return int{MRUN_OK};
    });
  };
  static std::deque<mrun_namespace> all;  // the host keeps pointers to them
  check(host->add_namespace(r.registry,
                            &all.emplace_back(mrun_namespace{sizeof(mrun_namespace), 0, prefix, version, find, list})));
}

}  // namespace mrun
