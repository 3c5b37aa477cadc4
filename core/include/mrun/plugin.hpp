// mrun/plugin.hpp - plugin.h for C++17: plain functions become operations, exceptions become codes, tensors free
// themselves.
//
//   static mrun::tensor scale(const mrun::tensor &x, double by) { ... }
//   MRUN_PLUGIN("myops", "1.0.0", "My operations") {
//     op<scale>("myops.scale@1(Tensor x, float by=2.0) -> Tensor", "x times by, float32.");
//   }
//
// Parameter types: bool int64_t double std::string_view const tensor& std::optional<T> std::vector<T> T& (an object
// type) function call& (not in the schema). Result: one of these, a std::tuple of them, or void. The types are compared
// with the schema when the plugin loads. Everything here is borrowed for the call; tensor is reference-counted and may
// be kept.
#pragma once
#include "plugin.h"

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace mrun {

inline const mrun_host *host = nullptr;

struct error : std::exception {  // thrown by your code; becomes fail(code, text)
  int code;
  std::string text;
  error(int c, std::string t) : code(c), text(std::move(t)) {}
  const char *what() const noexcept override { return text.c_str(); }
};
struct failed {
  int code;
};  // the host has the message already
inline void check(int code) {
  if (code) throw failed{code};
}

class value {  // owns
 public:
  value() = default;
  explicit value(mrun_value v) : v_(v) {}
  value(value &&o) noexcept : v_(std::exchange(o.v_, mrun_value{})) {}
  value &operator=(value &&o) noexcept {
    std::swap(v_, o.v_);
    return *this;
  }
  ~value() { host->value_free(&v_); }
  mrun_value release() { return std::exchange(v_, mrun_value{}); }
  const mrun_value &get() const { return v_; }
  mrun_value *out() {
    host->value_free(&v_);
    return &v_;
  }

 protected:
  mrun_value v_{};
};

class call {
 public:
  explicit call(mrun_call *c) : raw(c) {}
  void poll() const { check(host->stopped(raw)); }
  uint64_t seed(size_t item = 0) const {
    uint64_t s;
    check(host->seed(raw, item, &s));
    return s;
  }
  mrun_call *raw;
};

class tensor : public value {
 public:
  using value::value;
  tensor(const call &c, const mrun_value &borrowed) { check(host->value_copy(c.raw, &borrowed, &v_)); }
  static tensor empty(const call &c, DLDataType t, const std::vector<int64_t> &shape) {
    tensor r;
    check(host->tensor_new(c.raw, t, shape.data(), int32_t(shape.size()), DLDevice{kDLCPU, 0}, &r.v_));
    return r;
  }
  const DLTensor &dl() const { return v_.as.tensor.dl->dl_tensor; }
  template <class T>
  T *data() const {
    return reinterpret_cast<T *>(static_cast<char *>(dl().data) + dl().byte_offset);
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < dl().ndim; ++i) n *= dl().shape[i];
    return n;
  }
};

struct function {
  mrun_function *raw;
  std::vector<value> operator()(const call &c, const mrun_value *args, size_t n, size_t room) const {
    std::vector<mrun_value> r(room);
    check(host->call(c.raw, raw, args, n, r.data(), &room));
    std::vector<value> out;
    for (size_t i = 0; i < room; ++i) out.emplace_back(value(r[i]));
    return out;
  }
};

template <class T>
struct type_of;  // specialize with: static inline mrun_type info{...}; to make T an object type

// kind<T>: schema name, from a borrowed argument, into an owned result
template <class T, class = void>
struct kind {  // object types
  static std::string name() { return type_of<T>::info.name; }
  static T &from(const call &, const mrun_value &v) {
    return *static_cast<T *>(host->object_get(&v, &type_of<T>::info));
  }
};
#define MRUN_KIND(T, NAME, FROM, INTO)                  \
  template <>                                           \
  struct kind<T> {                                      \
    static std::string name() { return NAME; }          \
    static T from(const call &c, const mrun_value &v) { \
      (void)c;                                          \
      return FROM;                                      \
    }                                                   \
    static mrun_value into(const call &c, T x) {        \
      (void)c;                                          \
      mrun_value v{};                                   \
      INTO;                                             \
      return v;                                         \
    }                                                   \
  };
MRUN_KIND(bool, "bool", v.as.boolean != 0, (v.kind = MRUN_BOOL, v.as.boolean = x))
MRUN_KIND(int64_t, "int", v.as.integer, (v.kind = MRUN_INT, v.as.integer = x))
MRUN_KIND(double, "float", v.as.number, (v.kind = MRUN_FLOAT, v.as.number = x))
MRUN_KIND(std::string_view, "str", std::string_view(v.as.string.data, v.as.string.size),
          check(host->string_new(c.raw, x.data(), x.size(), &v)))
MRUN_KIND(std::string, "str", std::string(v.as.string.data, v.as.string.size),
          check(host->string_new(c.raw, x.data(), x.size(), &v)))
MRUN_KIND(tensor, "Tensor", tensor(c, v), v = x.release())
MRUN_KIND(value, "Any", value(v), v = x.release())
MRUN_KIND(function, "Callable", function{v.as.function},
          ((void)x, throw error(MRUN_INTERNAL, "a function cannot be returned")))
#undef MRUN_KIND
template <class T>
struct kind<std::optional<T>> {
  static std::string name() { return kind<T>::name() + "?"; }
  static std::optional<T> from(const call &c, const mrun_value &v) {
    if (v.kind == MRUN_NIL) return std::nullopt;
    return kind<T>::from(c, v);
  }
};
template <class T>
struct kind<std::vector<T>> {
  static std::string name() { return kind<T>::name() + "[]"; }
  static std::vector<T> from(const call &c, const mrun_value &v) {
    std::vector<T> r;
    for (size_t i = 0; i < v.as.list.size; ++i) r.push_back(kind<T>::from(c, v.as.list.items[i]));
    return r;
  }
};
template <class T>
struct kind<std::unique_ptr<T>> {  // result: a new object
  static std::string name() { return type_of<T>::info.name; }
  static mrun_value into(const call &c, std::unique_ptr<T> x) {
    mrun_value v{};
    check(host->object_new(c.raw, &type_of<T>::info, x.release(), &v));
    return v;
  }
};

namespace detail {
template <class A>
using bare = std::remove_cv_t<std::remove_reference_t<A>>;
template <class A>
constexpr bool is_call = std::is_same_v<bare<A>, call>;
template <class A>
decltype(auto) take(call &c, const mrun_value *&next) {
  if constexpr (is_call<A>)
    return static_cast<call &>(c);
  else
    return kind<bare<A>>::from(c, *next++);
}
template <class R>
struct give {
  static std::string name() { return kind<R>::name(); }
  static void put(call &c, R r, mrun_value *out) { *out = kind<R>::into(c, std::move(r)); }
};
template <class... R>
struct give<std::tuple<R...>> {
  static std::string name() {
    std::string s = "(";
    ((s += (s.size() > 1 ? "," : "") + kind<R>::name()), ...);
    return s + ")";
  }
  static void put(call &c, std::tuple<R...> r, mrun_value *out) {
    std::apply([&](auto &...x) { ((*out++ = kind<bare<decltype(x)>>::into(c, std::move(x))), ...); }, r);
  }
};
template <auto F>
struct wrap;
template <class R, class... A, R (*F)(A...)>
struct wrap<F> {
  static std::string signature() {
    std::string s;
    ((s += is_call<A> ? std::string() : (s.empty() ? "" : ",") + arg<A>()), ...);
    if constexpr (std::is_void_v<R>)
      return s + "->()";
    else
      return s + "->" + give<R>::name();
  }
  template <class X>
  static std::string arg() {
    if constexpr (is_call<X>)
      return "";
    else
      return kind<bare<X>>::name();
  }
  static int run(mrun_call *raw, const mrun_value *args, mrun_value *results, void *) noexcept {
    try {
      call c(raw);
      std::tuple<decltype(take<A>(c, args))...> a{take<A>(c, args)...};  // braces: left to right
      if constexpr (std::is_void_v<R>)
        std::apply(F, std::move(a));
      else
        give<R>::put(c, std::apply(F, std::move(a)), results);
      return MRUN_OK;
    } catch (const failed &f) { return f.code; } catch (const error &e) {
      return host->fail(raw, e.code, "%s", e.what());
    } catch (const std::bad_alloc &) {
      return host->fail(raw, MRUN_MEMORY, "out of memory");
    } catch (const std::exception &e) { return host->fail(raw, MRUN_INTERNAL, "%s", e.what()); } catch (...) {
      return host->fail(raw, MRUN_INTERNAL, "unknown exception");
    }
  }
};
}  // namespace detail

struct registrar {
  mrun_registry *registry;
  template <auto F>
  void op(const char *schema, const char *doc = "", uint32_t flags = 0) const {
    static const std::string signature = detail::wrap<F>::signature();
    static const mrun_op o{sizeof(mrun_op), flags, schema, doc, signature.c_str(), &detail::wrap<F>::run, nullptr};
    check(host->add_op(registry, &o));
  }
  template <class T>
  void type() const {
    check(host->add_type(registry, &type_of<T>::info));
  }
};
}  // namespace mrun

#define MRUN_PLUGIN(NAME, VERSION, DOC)                                 \
  struct mrun_plugin_body_ : mrun::registrar {                          \
    void define() const;                                                \
  };                                                                    \
  extern "C" int mrun_plugin_init(const mrun_host *h, mrun_plugin *p) { \
    mrun::host = h;                                                     \
    p->size = sizeof *p;                                                \
    p->abi = MRUN_ABI;                                                  \
    p->name = NAME;                                                     \
    p->version = VERSION;                                               \
    p->doc = DOC;                                                       \
    try {                                                               \
      mrun_plugin_body_ b;                                              \
      b.registry = p->registry;                                         \
      b.define();                                                       \
      return MRUN_OK;                                                   \
    } catch (const mrun::failed &f) { return f.code; } catch (...) {    \
      return MRUN_INTERNAL;                                             \
    }                                                                   \
  }                                                                     \
  void mrun_plugin_body_::define() const
