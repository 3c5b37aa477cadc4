// mrun/plugin.hpp - plugin.h for C++17: plain functions become operations, exceptions become codes, tensors free
// themselves. Header only; one translation unit of a plugin holds MRUN_PLUGIN.
//
//   static mrun::tensor scale(const mrun::call &c, const mrun::tensor &x, double by) { ... }
//   MRUN_PLUGIN("myops", "1.0.0", "My operations") {
//     op<scale>("myops.scale@1(Tensor x, float by=2.0) -> Tensor", "x times by, float32.");
//   }
//
// Parameter types, with their names in the schema:
//   bool, int64_t (int), double (float), std::string_view or std::string (str, ScalarType, Device), const tensor &
//   (Tensor), value (Any, and whatever else), function (Callable), std::optional<T> (T?), std::vector<T> (T[], T[n];
//   Any[] for a vector of vectors), std::map<std::string, T> (Dict(str, T)), T & (an object type), T * (an object type
//   or nil: T?), call & (the call itself, anywhere, not in the schema).
// Results: void, one of these but function, T & and T *, std::unique_ptr<T> (a new object), a std::tuple of them, or later<R> for an
// operation that awaits (see task). The types are compared with the schema when the plugin loads.
// string_view, T &, T * and function are borrowed for the call; tensor and value are counted references and may be
// kept.
//
// Throw mrun::error to fail; any other exception is an INTERNAL error. Compile with -fvisibility=hidden, so that two
// plugins with types of the same name never share their tables.
#pragma once
#include "plugin.h"

#include <cmath>
#include <cstring>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace mrun {

inline const mrun_host *host = nullptr;

struct error : std::exception {  // thrown by your code; becomes host->fail(code, text)
  int code;
  std::string text;
  error(int c, std::string t) : code(c), text(std::move(t)) {}
  const char *what() const noexcept override { return text.c_str(); }
};
struct failed {  // the host has the message already
  int code;
};
inline void check(int code) {
  if (code) throw failed{code};
}

// ---- the call in progress -------------------------------------------------------------------------------------------

struct released {
  void operator()(void *memory) const { host->release(memory); }
};
template <class T>
using buffer = std::unique_ptr<T[], released>;  // from call::alloc; may be freed by any thread

struct function;

class call {
 public:
  explicit call(mrun_call *c) : raw(c) {}
  bool stopped() const { return host->stopped(raw) != MRUN_OK; }
  void poll() const { check(host->stopped(raw)); }  // throws where the call must end
  // item: the position in the batch where one call serves one (forward.lua), else 0.
  uint64_t seed(size_t item = 0) const {
    uint64_t s = 0;
    check(host->seed(raw, item, &s));
    return s;
  }
  int threads() const { return host->threads(raw); }
  void log(int level, const std::string &text) const { host->log(raw, level, text.c_str()); }
  void charge(int64_t bytes) const { check(host->charge(raw, bytes)); }
  template <class T>
  buffer<T> alloc(size_t count) const {  // 64-byte aligned, not initialized, within the item's budget
    static_assert(std::is_trivial_v<T>, "memory without constructors");
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    void *memory = nullptr;
    check(host->alloc(raw, count * sizeof(T), &memory));
    return buffer<T>(static_cast<T *>(memory));
  }
  function find(const char *operation) const;  // "aten.topk", "image.resize@1"; throws where there is none

  mrun_call *raw;
};

// ---- values ---------------------------------------------------------------------------------------------------------

class value {  // owns one reference
 public:
  value() = default;
  explicit value(mrun_value owned) : v_(owned) {}
  value(const value &o) { check(host->value_copy(nullptr, &o.v_, &v_)); }
  value(value &&o) noexcept : v_(std::exchange(o.v_, mrun_value{})) {}
  value &operator=(value o) noexcept {
    std::swap(v_, o.v_);
    return *this;
  }
  ~value() {
    if (v_.kind != MRUN_NIL) host->value_free(&v_);  // a static one may go where no host ever came
  }
  static value copy(const call &c, const mrun_value &borrowed) {
    value r;
    check(host->value_copy(c.raw, &borrowed, &r.v_));
    return r;
  }
  template <class T>
  static value of(const call &c, T x);  // of(c, int64_t{3}), of(c, std::vector<tensor>{...})
  template <class T>
  T to(const call &c) const;  // throws ARGUMENT where it is something else; a string_view lives as long as this

  mrun_value release() { return std::exchange(v_, mrun_value{}); }
  const mrun_value &get() const { return v_; }
  mrun_kind kind() const { return static_cast<mrun_kind>(v_.kind); }
  bool is_nil() const { return v_.kind == MRUN_NIL; }
  mrun_value *out() {  // for functions that write an owned value
    host->value_free(&v_);
    return &v_;
  }

 protected:
  mrun_value v_{};
};

inline constexpr DLDataType uint8{kDLUInt, 8, 1}, int8{kDLInt, 8, 1}, int16{kDLInt, 16, 1}, int32{kDLInt, 32, 1},
    int64{kDLInt, 64, 1}, float16{kDLFloat, 16, 1}, float32{kDLFloat, 32, 1}, float64{kDLFloat, 64, 1},
    boolean{6, 8, 1};  // kDLBool is 6 also where the DLPack header is older
inline bool same(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

class tensor : public value {
 public:
  tensor() = default;  // nil; give it a tensor before use
  explicit tensor(mrun_value owned) : value(owned) {}
  tensor(const call &c, const mrun_value &borrowed) : value(value::copy(c, borrowed)) {}
  // Row-major, on the CPU, not initialized.
  static tensor empty(const call &c, DLDataType t, const std::vector<int64_t> &shape) {
    tensor r;
    check(host->tensor_new(c.raw, t, shape.data(), static_cast<int32_t>(shape.size()), DLDevice{kDLCPU, 0}, &r.v_));
    return r;
  }
  static tensor give(const call &c, DLManagedTensor *dl) {  // takes over dl, also when it throws
    tensor r;
    check(host->tensor_give(c.raw, dl, &r.v_));
    return r;
  }
  const DLTensor &dl() const { return v_.as.tensor.dl->dl_tensor; }
  DLDataType dtype() const { return dl().dtype; }
  bool is(DLDataType t) const { return same(dl().dtype, t); }
  bool on_cpu() const { return dl().device.device_type == kDLCPU; }
  bool readonly() const { return (v_.flags & MRUN_READONLY) != 0; }
  int32_t dim() const { return dl().ndim; }
  int64_t size(int32_t d) const { return dl().shape[d]; }
  std::vector<int64_t> shape() const { return {dl().shape, dl().shape + dl().ndim}; }
  int64_t stride(int32_t d) const {  // in elements, also where DLPack's strides are NULL
    if (dl().strides) return dl().strides[d];
    int64_t s = 1;
    for (int32_t i = d + 1; i < dim(); ++i) s *= size(i);
    return s;
  }
  int64_t numel() const {
    int64_t n = 1;
    for (int32_t i = 0; i < dim(); ++i) n *= size(i);
    return n;
  }
  size_t item_size() const { return (size_t{dl().dtype.bits} * dl().dtype.lanes + 7) / 8; }
  bool is_contiguous() const {
    if (!dl().strides) return true;
    int64_t step = 1;
    bool row_major = true;
    for (int32_t i = dim(); i-- > 0;) {
      if (size(i) == 0) return true;
      if (size(i) != 1 && dl().strides[i] != step) row_major = false;
      step *= size(i);
    }
    return row_major;
  }
  tensor contiguous(const call &c) const {  // itself where row-major, else a copy; CPU only
    if (is_contiguous()) return *this;
    tensor r = empty(c, dtype(), shape());
    gather(r.data<char>(), data<const char>(), 0);
    return r;
  }
  tensor &media(const call &c, const char *type) {  // of bytes (1-D uint8): "image/png"
    check(host->media_set(c.raw, &v_, type));
    return *this;
  }
  template <class T = void>
  T *data() const {  // the first element
    return reinterpret_cast<T *>(static_cast<char *>(dl().data) + dl().byte_offset);
  }

 private:
  char *gather(char *out, const char *in, int32_t d) const {
    const auto item = static_cast<int64_t>(item_size());
    if (d == dim()) return static_cast<char *>(std::memcpy(out, in, static_cast<size_t>(item))) + item;
    for (int64_t i = 0, step = stride(d) * item; i < size(d); ++i) out = gather(out, in + i * step, d + 1);
    return out;
  }
};

struct function {  // a Lua function, a model's method or an operation; see host->call for what it may do
  mrun_function *raw;
  // At most `room` results.
  std::vector<value> operator()(const call &c, const mrun_value *args, size_t n, size_t room) const {
    std::vector<mrun_value> r(room);
    std::vector<value> results;
    results.reserve(room);
    check(host->call(c.raw, raw, args, n, r.data(), &room));
    for (size_t i = 0; i < room; ++i) results.emplace_back(r[i]);
    return results;
  }
  // invoke<bool>(c, int64_t{1}, x): the first result, converted; throws ARGUMENT where it is something else.
  template <class R, class... A>
  R invoke(const call &c, const A &...args) const {
    const std::vector<value> owned = list_of(value::of<A>(c, args)...);
    std::vector<mrun_value> raw_args;
    for (const value &v : owned) raw_args.push_back(v.get());
    std::vector<value> results = (*this)(c, raw_args.data(), raw_args.size(), 1);
    if (results.empty()) results.emplace_back();
    return results[0].template to<R>(c);
  }

 private:
  template <class... V>
  static std::vector<value> list_of(V &&...v) {
    std::vector<value> r;
    r.reserve(sizeof...(V));
    (r.push_back(std::forward<V>(v)), ...);
    return r;
  }
};

inline function call::find(const char *operation) const {
  function f{};
  check(host->find(raw, operation, &f.raw));
  return f;
}

// ---- C++ types and schema types -------------------------------------------------------------------------------------

template <class T>
struct type_of;  // specialize with: static inline const mrun_type info{...}; to make T an object type

// kind<T>: the name in a schema, whether a value is one, from a borrowed value (checked already), into an owned one.
template <class T, class = void>
struct kind {  // object types
  static_assert(!std::is_arithmetic_v<T>, "an int of a schema is int64_t (not int), a float is double, a bool is bool");
  static std::string name() { return type_of<T>::info.name; }
  static bool is(const mrun_value &v) { return host->object_get(&v, &type_of<T>::info) != nullptr; }
  static T &from(const call &, const mrun_value &v) {
    return *static_cast<T *>(host->object_get(&v, &type_of<T>::info));
  }
};
#define MRUN_KIND(T, NAME, IS, FROM, INTO)                                              \
  template <>                                                                           \
  struct kind<T> {                                                                      \
    static std::string name() { return NAME; }                                          \
    static bool is([[maybe_unused]] const mrun_value &v) { return IS; }                 \
    static T from([[maybe_unused]] const call &c, const mrun_value &v) { return FROM; } \
    static mrun_value into([[maybe_unused]] const call &c, T x) {                       \
      mrun_value v{};                                                                   \
      INTO;                                                                             \
      return v;                                                                         \
    }                                                                                   \
  };
MRUN_KIND(bool, "bool", v.kind == MRUN_BOOL, v.as.boolean != 0, (v.kind = MRUN_BOOL, v.as.boolean = x))
// A script's number is a double: an integral one is an int too.
MRUN_KIND(int64_t, "int",
          v.kind == MRUN_INT || (v.kind == MRUN_FLOAT && !std::islessgreater(std::trunc(v.as.number), v.as.number) &&
                                 std::fabs(v.as.number) <= 9007199254740992.0),
          v.kind == MRUN_INT ? v.as.integer : static_cast<int64_t>(v.as.number), (v.kind = MRUN_INT, v.as.integer = x))
MRUN_KIND(double, "float", v.kind == MRUN_FLOAT || v.kind == MRUN_INT,
          v.kind == MRUN_INT ? static_cast<double>(v.as.integer) : v.as.number, (v.kind = MRUN_FLOAT, v.as.number = x))
MRUN_KIND(std::string_view, "str", v.kind == MRUN_STRING, std::string_view(v.as.string.data, v.as.string.size),
          check(host->string_new(c.raw, x.data(), x.size(), &v)))
MRUN_KIND(std::string, "str", v.kind == MRUN_STRING, std::string(v.as.string.data, v.as.string.size),
          check(host->string_new(c.raw, x.data(), x.size(), &v)))
MRUN_KIND(tensor, "Tensor", v.kind == MRUN_TENSOR, tensor(c, v), v = x.release())
MRUN_KIND(value, "Any", true, value::copy(c, v), v = x.release())
#undef MRUN_KIND
template <>
struct kind<function> {
  static std::string name() { return "Callable"; }
  static bool is(const mrun_value &v) { return v.kind == MRUN_FUNCTION; }
  static function from(const call &, const mrun_value &v) { return function{v.as.function}; }
};
template <class T>
struct kind<T *> {  // an object type, or nil
  static std::string name() { return kind<T>::name() + "?"; }
  static bool is(const mrun_value &v) { return v.kind == MRUN_NIL || kind<T>::is(v); }
  static T *from(const call &c, const mrun_value &v) { return v.kind == MRUN_NIL ? nullptr : &kind<T>::from(c, v); }
};
template <class T>
struct kind<std::optional<T>> {
  static std::string name() { return kind<T>::name() + "?"; }
  static bool is(const mrun_value &v) { return v.kind == MRUN_NIL || kind<T>::is(v); }
  static std::optional<T> from(const call &c, const mrun_value &v) {
    if (v.kind == MRUN_NIL) return std::nullopt;
    return kind<T>::from(c, v);
  }
  static mrun_value into(const call &c, std::optional<T> x) {
    return x ? kind<T>::into(c, std::move(*x)) : mrun_value{};
  }
};
template <class T>
struct is_list : std::false_type {};
template <class T>
struct is_list<std::vector<T>> : std::true_type {};
template <class T>
struct kind<std::vector<T>> {
  // A schema has no lists of lists: their items are Any, and checked here.
  static std::string name() { return is_list<T>::value ? std::string("Any[]") : kind<T>::name() + "[]"; }
  static bool is(const mrun_value &v) {
    bool all = v.kind == MRUN_LIST;
    for (size_t i = 0; all && i < v.as.list.size; ++i) all = kind<T>::is(v.as.list.items[i]);
    return all;
  }
  static std::vector<T> from(const call &c, const mrun_value &v) {
    if (is_list<T>::value && !is(v)) {
      throw error(MRUN_ARGUMENT, "a list of lists has an item that is not " + kind<T>::name());
    }
    std::vector<T> r;
    r.reserve(v.as.list.size);
    for (size_t i = 0; i < v.as.list.size; ++i) r.push_back(kind<T>::from(c, v.as.list.items[i]));
    return r;
  }
  static mrun_value into(const call &c, std::vector<T> x) {
    std::vector<value> owned;
    owned.reserve(x.size());
    for (auto &&item : x) owned.emplace_back(kind<T>::into(c, std::move(item)));
    std::vector<mrun_value> items;
    items.reserve(owned.size());
    for (value &item : owned) items.push_back(item.release());
    mrun_value v{};
    check(host->list_new(c.raw, items.data(), items.size(), &v));
    return v;
  }
};
template <class T>
struct kind<std::map<std::string, T>> {
  static std::string name() { return "Dict(str," + kind<T>::name() + ")"; }
  static bool is(const mrun_value &v) {
    bool all = v.kind == MRUN_MAP;
    for (size_t i = 0; all && i < v.as.map.size; ++i) all = kind<T>::is(v.as.map.items[i].value);
    return all;
  }
  static std::map<std::string, T> from(const call &c, const mrun_value &v) {
    std::map<std::string, T> r;
    for (size_t i = 0; i < v.as.map.size; ++i) {
      const mrun_entry &e = v.as.map.items[i];
      r.emplace_hint(r.end(), std::string(e.key.data, e.key.size), kind<T>::from(c, e.value));
    }
    return r;
  }
  static mrun_value into(const call &c, std::map<std::string, T> x) {
    std::vector<value> owned;
    owned.reserve(x.size());
    for (auto &[key, item] : x) owned.emplace_back(kind<T>::into(c, std::move(item)));
    std::vector<mrun_entry> entries;
    entries.reserve(owned.size());
    size_t i = 0;
    for (auto &[key, item] : x) entries.push_back({{key.data(), key.size()}, owned[i++].release()});
    mrun_value v{};
    check(host->map_new(c.raw, entries.data(), entries.size(), &v));
    return v;
  }
};
template <class T>
struct kind<std::unique_ptr<T>> {  // a result: a new object
  static std::string name() { return type_of<T>::info.name; }
  static mrun_value into(const call &c, std::unique_ptr<T> x) {
    mrun_value v{};
    check(host->object_new(c.raw, &type_of<T>::info, x.release(), &v));
    return v;
  }
};

template <class T>
value value::of(const call &c, T x) {
  return value(mrun::kind<T>::into(c, std::move(x)));
}
template <class T>
T value::to(const call &c) const {
  if (!mrun::kind<T>::is(v_)) throw error(MRUN_ARGUMENT, "a value is not what was wanted: " + mrun::kind<T>::name());
  return mrun::kind<T>::from(c, v_);
}

// ---- tasks ----------------------------------------------------------------------------------------------------------

// An operation that needs calls which other items' equal calls should join (a search) returns later<R>: an R, or
// pending where it awaits. It makes a task and starts it; resume goes on with what the call gave and returns an R, or
// awaits again.
//   struct search : mrun::task<mrun::tensor> {
//     mrun::later<mrun::tensor> resume(mrun::call &c, std::vector<mrun::value> got) override {
//       ... return done ? mrun::later<mrun::tensor>(result) : await(c, step, std::move(args));
//     }
//   };
//   static mrun::later<mrun::tensor> find_best(mrun::call &c, mrun::function step) {
//     return mrun::start(c, std::make_unique<search>(...), step, std::move(args), MRUN_AWAIT_ROWS);
//   }
struct pending {};
template <class R>
using later = std::variant<R, pending>;

template <class R>
class task {
 public:
  virtual ~task() = default;
  virtual later<R> resume(call &c, std::vector<value> got) = 0;
  // The last thing that resume does, and returns; flags: MRUN_AWAIT_ROWS; names: as in mrun_await, or empty.
  pending await(const call &c, const function &f, std::vector<value> args, uint32_t flags = 0,
                const std::vector<const char *> &names = {});
};
template <class T>  // a task<R>, or derived from one
pending start(const call &c, std::unique_ptr<T> t, const function &f, std::vector<value> args, uint32_t flags = 0,
              const std::vector<const char *> &names = {}) {
  return t.release()->await(c, f, std::move(args), flags, names);
}

// ---- functions to operations ----------------------------------------------------------------------------------------

namespace detail {
template <class A>
using bare = std::remove_cv_t<std::remove_reference_t<A>>;
template <class A>
constexpr bool is_call = std::is_same_v<bare<A>, call>;

template <class A>
decltype(auto) take(call &c, const mrun_value *&next) {
  if constexpr (is_call<A>) {
    return (c);  // in parentheses: the reference
  } else {
    return kind<bare<A>>::from(c, *next++);
  }
}

// Writes a function's result; returns the code.
template <class R>
struct give {
  static std::string name() { return kind<R>::name(); }
  static int put(call &c, R r, mrun_value *out) {
    *out = kind<R>::into(c, std::move(r));
    return MRUN_OK;
  }
};
template <class... R>
struct give<std::tuple<R...>> {
  static std::string name() {
    std::string s = "(";
    ((s += (s.size() > 1 ? "," : "") + kind<R>::name()), ...);
    return s + ")";
  }
  static int put(call &c, std::tuple<R...> r, mrun_value *out) {
    std::apply([&](auto &...x) { ((*out++ = kind<bare<decltype(x)>>::into(c, std::move(x))), ...); }, r);
    return MRUN_OK;
  }
};
template <class R>
struct give<later<R>> {
  static std::string name() { return give<R>::name(); }
  static int put(call &c, later<R> r, mrun_value *out) {
    return r.index() == 1 ? MRUN_PENDING : give<R>::put(c, std::get<0>(std::move(r)), out);
  }
};

template <class Body>
int guarded(mrun_call *raw, Body &&body) noexcept {
  try {
    return body();
  } catch (const failed &f) { return f.code; } catch (const error &e) {
    return host->fail(raw, e.code, "%s", e.what());
  } catch (const std::bad_alloc &) {
    return host->fail(raw, MRUN_MEMORY, "out of memory");
  } catch (const std::exception &e) { return host->fail(raw, MRUN_INTERNAL, "%s", e.what()); } catch (...) {
    return host->fail(raw, MRUN_INTERNAL, "unknown exception");
  }
}

template <class A>
void add_name(std::string &s) {
  if constexpr (!is_call<A>) s += (s.empty() ? "" : ",") + kind<bare<A>>::name();
}

template <auto F, class Pointer = decltype(F)>
struct wrap;
template <auto F, class R, class... A>
struct wrap<F, R (*)(A...)> {
  static std::string signature() {
    std::string s;
    (add_name<A>(s), ...);
    if constexpr (std::is_void_v<R>) {
      return s + "->()";
    } else {
      return s + "->" + give<R>::name();
    }
  }
  static int run(mrun_call *raw, [[maybe_unused]] const mrun_value *args, [[maybe_unused]] mrun_value *results,
                 void *) noexcept {
    return guarded(raw, [&] {
      call c(raw);
      std::tuple<decltype(take<A>(c, args))...> a{take<A>(c, args)...};  // braces: left to right
      if constexpr (std::is_void_v<R>) {
        std::apply(F, std::move(a));
        return int{MRUN_OK};
      } else {
        return give<R>::put(c, std::apply(F, std::move(a)), results);
      }
    });
  }
};
template <auto F, class R, class... A>
struct wrap<F, R (*)(A...) noexcept> : wrap<F, R (*)(A...)> {};
}  // namespace detail

template <class R>
pending task<R>::await(const call &c, const function &f, std::vector<value> args, uint32_t flags,
                       const std::vector<const char *> &names) {
  const auto resumed = [](mrun_call *raw, void *state, mrun_value *got, size_t count, mrun_value *results) noexcept {
    return detail::guarded(raw, [&] {
      call next(raw);
      std::vector<value> values;
      values.reserve(count);
      for (size_t i = 0; i < count; ++i) values.emplace_back(std::exchange(got[i], mrun_value{}));
      return detail::give<later<R>>::put(next, static_cast<task *>(state)->resume(next, std::move(values)), results);
    });
  };
  const mrun_await how{sizeof(mrun_await),
                       flags,
                       this,
                       resumed,
                       [](void *state) { delete static_cast<task *>(state); },
                       names.empty() ? nullptr : names.data()};
  std::vector<mrun_value> raw_args;
  raw_args.reserve(args.size());
  for (value &v : args) raw_args.push_back(v.release());
  const int code = host->await(c.raw, f.raw, raw_args.data(), raw_args.size(), &how);
  if (code != MRUN_PENDING) throw failed{code};
  return {};
}

struct registrar {
  mrun_registry *registry;
  // A schema, Markdown (the first line is the summary), MRUN_OP_ flags. One function may serve several schemas.
  template <auto F>
  void op(const char *schema, const char *doc = "", uint32_t flags = 0) const {
    struct kept {
      std::string signature;
      mrun_op op;
    };
    static std::list<kept> ops;  // the host keeps pointers to them
    kept &k = ops.emplace_back(kept{detail::wrap<F>::signature(), {}});
    k.op = {sizeof(mrun_op), flags, schema, doc, k.signature.c_str(), &detail::wrap<F>::run, nullptr};
    check(host->add_op(registry, &k.op));
  }
  template <class T>
  void type() const {
    check(host->add_type(registry, &type_of<T>::info));
  }
};

namespace detail {
inline void describe(mrun_plugin *p, const char *name, const char *version, const char *doc, const char *lua = nullptr,
                     const char *license = nullptr) {
  p->size = sizeof *p;  // member by member: an older host's struct is shorter
  p->abi = MRUN_ABI;
  p->name = name;
  p->version = version;
  p->doc = doc;
  p->lua = lua;
  p->license = license;
}
}  // namespace detail
}  // namespace mrun

// MRUN_PLUGIN(NAME, VERSION, DOC), then as far as wanted the text of its Lua module (`extern const char
// mrun_lua_NAME[]` with mrun_plugin of tools/cmake; nullptr: the host writes one) and its license ("MIT").
#define MRUN_PLUGIN(NAME, VERSION, ...)                                             \
  namespace {                                                                       \
  struct mrun_plugin_body_ : mrun::registrar {                                      \
    void define() const;                                                            \
  };                                                                                \
  }                                                                                 \
  extern "C" MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *p) { \
    mrun::host = h;                                                                 \
    return mrun::detail::guarded(nullptr, [&] {                                     \
      mrun::detail::describe(p, NAME, VERSION, __VA_ARGS__);                        \
      mrun_plugin_body_ body;                                                       \
      body.registry = p->registry;                                                  \
      body.define();                                                                \
      return MRUN_OK;                                                               \
    });                                                                             \
  }                                                                                 \
  void mrun_plugin_body_::define() const
