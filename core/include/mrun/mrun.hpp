// mrun/mrun.hpp - mrun.h for C++17: handles that free themselves, failures as exceptions. Header only; the rules of
// mrun.h hold.
//
//   mrun::engine engine{mrun::bundle{"model.mb"}};
//   mrun::result r = engine.run(mrun::text("lorem ipsum"));
//   if (r) puts(r.json()); else fprintf(stderr, "%s\n", r.message());
//
//   std::future<mrun::result> later = engine.submit(mrun::text("dolor"));
//   engine.submit(mrun::text("sit"), [](mrun::result r) { ... });           // on a thread of the engine's
//   auto frame = mrun::make_tensor(pixels, mrun::dtype<uint8_t>, {h, w, 3}, [buffer] {});  // no copy; lets `buffer` go
//
// A failing item is no exception: test the result (run() puts there, too, what kept its item from running at all). A bundle
// that cannot be opened, or another call that can never work, throws mrun::failure. An engine that ends in a callback of its
// own is stopped by a thread made for it, once that has returned. (Braces: `engine e(bundle(path));` would declare a function.)
#pragma once
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "mrun.h"

namespace mrun {

class failure : public std::runtime_error {
 public:
  failure(int c, const std::string &text, std::string d = "")
      : std::runtime_error(text), code(c), detail(std::move(d)) {}
  int code;            // a mrun_code
  std::string detail;  // JSON, or empty
};

namespace host_detail {
class error_slot {  // collects a call's error, throws it
 public:
  ~error_slot() { mrun_error_free(&error_); }
  mrun_error *get() { return &error_; }
  void check(int code) const {
    if (code == MRUN_OK) return;
    // Functions without a mrun_error have left what they said with the thread.
    const mrun_error &e = error_.message != nullptr ? error_ : *mrun_last_error();
    throw failure(code, e.message != nullptr ? e.message : mrun_code_name(code), e.detail != nullptr ? e.detail : "");
  }

 private:
  mrun_error error_{};
};
template <class F>
void call(F &&f) {
  error_slot error;
  error.check(f(error.get()));
}
template <class F>
std::string string_of(F &&f) {
  char *text = nullptr;
  call([&](mrun_error *e) { return f(&text, e); });
  const std::unique_ptr<char, void (*)(void *)> owner(text, mrun_free);
  return text == nullptr ? std::string() : std::string(text);
}
}  // namespace host_detail

// The structs that a host fills in, with their size set.
struct open_options : mrun_open_options {
  open_options() : mrun_open_options{} { size = sizeof(mrun_open_options); }
};
struct options : mrun_options {
  options() : mrun_options{} { size = sizeof(mrun_options); }
};
struct item : mrun_item {
  item() : mrun_item{} { size = sizeof(mrun_item); }
};

class variant {  // owns a mrun_value
 public:
  variant() = default;
  explicit variant(mrun_value v) : v_(v) {}
  variant(const variant &o) {
    host_detail::call([&](mrun_error *) { return mrun_value_copy(&o.v_, &v_); });
  }
  variant(variant &&o) noexcept : v_(std::exchange(o.v_, mrun_value{})) {}
  variant &operator=(variant o) noexcept {
    std::swap(v_, o.v_);
    return *this;
  }
  ~variant() { mrun_value_free(&v_); }
  const mrun_value &c() const { return v_; }
  mrun_value *out() {
    mrun_value_free(&v_);
    return &v_;
  }
  mrun_value release() { return std::exchange(v_, mrun_value{}); }
  mrun_kind kind() const { return static_cast<mrun_kind>(v_.kind); }
  const mrun_value *get(const char *key) const { return mrun_get(&v_, key); }  // of a map; nullptr: none
  std::string json(int indent = 0) const {
    return host_detail::string_of([&](char **s, mrun_error *e) { return mrun_to_json(&v_, indent, s, e); });
  }

 private:
  mrun_value v_{};
};

// A text of the caller's: it must outlive the call it is given to.
inline variant text(const char *zero_terminated) { return variant(mrun_text(zero_terminated)); }
inline variant text(std::string_view s) {
  mrun_value v{};
  v.kind = MRUN_STRING;
  v.as.string = {s.data(), s.size()};
  return variant(v);
}
inline variant bytes(const void *data, size_t size) {
  variant v(mrun_bytes(data, size));
  if (v.kind() == MRUN_NIL) throw failure(MRUN_MEMORY, "no memory for the bytes");
  return v;
}
inline variant from_json(std::string_view json) {
  variant v;
  host_detail::call([&](mrun_error *e) { return mrun_from_json(json.data(), json.size(), v.out(), e); });
  return v;
}
// A map from strings to values; the values are moved in.
inline variant map(std::vector<std::pair<std::string, variant>> entries) {
  std::vector<mrun_entry> raw;
  raw.reserve(entries.size());
  for (auto &e : entries) raw.push_back({{e.first.data(), e.first.size()}, e.second.release()});
  variant v;
  host_detail::call([&](mrun_error *) { return mrun_map(raw.data(), raw.size(), v.out()); });
  return v;
}

inline variant list(std::vector<variant> items) {
  std::vector<mrun_value> raw;
  raw.reserve(items.size());
  for (variant &i : items) raw.push_back(i.release());
  variant v;
  host_detail::call([&](mrun_error *) { return mrun_list(raw.data(), raw.size(), v.out()); });
  return v;
}

// For tests of a plugin: an operation called by itself, with a list of arguments; the list of its results.
inline variant call_operation(const char *name, std::vector<variant> args) {
  const variant given = list(std::move(args));
  variant results;
  host_detail::call([&](mrun_error *e) { return mrun_call_operation(name, &given.c(), results.out(), e); });
  return results;
}

// ---- tensors

// Of an arithmetic type, by its bits; for others (halves, complex numbers) write the DLDataType.
template <class T, class = std::enable_if_t<std::is_arithmetic_v<T> && !std::is_same_v<T, long double>>>
inline constexpr DLDataType dtype{std::is_same_v<std::remove_cv_t<T>, bool> ? uint8_t{6}
                                  : std::is_floating_point_v<T>             ? uint8_t{kDLFloat}
                                  : std::is_unsigned_v<T>                   ? uint8_t{kDLUInt}
                                                                            : uint8_t{kDLInt},
                                  8 * sizeof(T), 1};

// A DLPack tensor of somebody's, taken over in every case.
inline variant make_tensor(DLManagedTensor *dl) {
  variant v;
  host_detail::call([&](mrun_error *) { return mrun_tensor(dl, v.out()); });
  return v;
}
// Memory of yours on the CPU, without a copy. `release` is called once, when nobody has the tensor any more (see
// mrun_run), on any thread; it must not throw. strides: in elements; none: row-major.
inline variant make_tensor(const void *data, DLDataType type, std::vector<int64_t> shape, std::function<void()> release,
                           std::vector<int64_t> strides = {}) {
  struct own {
    DLManagedTensor dl{};
    std::vector<int64_t> shape, strides;
    std::function<void()> release;
    ~own() {
      if (release) release();
    }
  };
  auto o = std::make_unique<own>();
  o->release = std::move(release);
  o->shape = std::move(shape);
  o->strides = std::move(strides);
  if (!o->strides.empty() && o->strides.size() != o->shape.size())
    throw failure(MRUN_USAGE, "make_tensor: there must be as many strides as dimensions");
  DLTensor &t = o->dl.dl_tensor;
  t.data = const_cast<void *>(data);
  t.device = {kDLCPU, 0};
  t.ndim = static_cast<int32_t>(o->shape.size());
  t.dtype = type;
  t.shape = o->shape.data();
  t.strides = o->strides.empty() ? nullptr : o->strides.data();
  o->dl.manager_ctx = o.get();
  o->dl.deleter = [](DLManagedTensor *dl) { delete static_cast<own *>(dl->manager_ctx); };
  return make_tensor(&o.release()->dl);
}

// What a value's tensor holds; borrowed from it.
class tensor_view {
 public:
  explicit tensor_view(const mrun_value &v) {
    if (v.kind != MRUN_TENSOR) throw failure(MRUN_USAGE, "tensor_view: the value is no tensor");
    t_ = &v.as.tensor.dl->dl_tensor;
  }
  const DLTensor &dl() const { return *t_; }
  std::vector<int64_t> shape() const { return {t_->shape, t_->shape + t_->ndim}; }
  int64_t size() const {  // elements
    int64_t n = 1;
    for (int32_t d = 0; d < t_->ndim; ++d) n *= t_->shape[d];
    return n;
  }
  bool contiguous() const {
    if (t_->strides == nullptr || size() == 0) return true;
    int64_t step = 1;
    for (int32_t d = t_->ndim; d-- > 0; step *= t_->shape[d]) {
      if (t_->shape[d] != 1 && t_->strides[d] != step) return false;
    }
    return true;
  }
  // The elements, row-major on the CPU; throws where they are of another type, or do not lie so.
  template <class T>
  const T *data() const {
    const DLDataType want = dtype<T>, is = t_->dtype;
    if (is.code != want.code || is.bits != want.bits || is.lanes != 1)
      throw failure(MRUN_USAGE, "tensor_view: the tensor has another dtype");
    if (t_->device.device_type != kDLCPU || !contiguous())
      throw failure(MRUN_USAGE, "tensor_view: the tensor does not lie row-major on the CPU");
    return reinterpret_cast<const T *>(static_cast<const char *>(t_->data) + t_->byte_offset);
  }

 private:
  const DLTensor *t_;
};

// For other libraries: shares the memory.
struct dlpack_deleter {
  void operator()(DLManagedTensor *dl) const {
    if (dl->deleter != nullptr) dl->deleter(dl);
  }
};
using dlpack = std::unique_ptr<DLManagedTensor, dlpack_deleter>;
inline dlpack export_tensor(const mrun_value &v) {
  DLManagedTensor *dl = nullptr;
  host_detail::call([&](mrun_error *) { return mrun_tensor_export(&v, &dl); });
  return dlpack(dl);
}

// ---- running

class result {  // may be kept, and outlives its engine
 public:
  result() = default;
  explicit result(mrun_result taken) : r_(taken) {}
  result(result &&o) noexcept : r_(std::exchange(o.r_, mrun_result{})), json_(std::move(o.json_)) {}
  result &operator=(result &&o) noexcept {
    std::swap(r_, o.r_);
    std::swap(json_, o.json_);
    return *this;
  }
  ~result() { mrun_result_free(&r_); }
  explicit operator bool() const { return r_.code == MRUN_OK; }
  int code() const { return r_.code; }
  const char *stage() const { return r_.stage; }
  const char *message() const { return r_.error.message != nullptr ? r_.error.message : ""; }
  // The line that the command would print: made when it is first asked for, unless item.json was set. Throws failure
  // where JSON cannot hold the answer (a tensor of more than 10,000 elements, NaN); answer() has it then.
  const char *json() const {
    if (r_.json != nullptr) return r_.json;
    if (json_.empty()) json_ = r_.code == MRUN_OK ? json_of(r_.answer) : json_of(error().c());
    return json_.c_str();
  }
  const mrun_value &answer() const { return r_.answer; }
  variant take_answer() { return variant(std::exchange(r_.answer, mrun_value{})); }
  const mrun_timings &time() const { return r_.time; }
  const mrun_result &c() const { return r_; }
  operator const mrun_result &() const { return r_; }
  mrun_result *raw() { return &r_; }

 private:
  static std::string json_of(const mrun_value &v) {
    return host_detail::string_of([&](char **s, mrun_error *e) { return mrun_to_json(&v, 0, s, e); });
  }
  variant error() const {
    std::vector<std::pair<std::string, variant>> what, line;
    what.emplace_back("code", text(mrun_code_name(r_.code)));
    what.emplace_back("stage", text(r_.stage != nullptr ? r_.stage : "engine"));
    what.emplace_back("message", text(message()));
    line.emplace_back("error", map(std::move(what)));
    return map(std::move(line));
  }

  mrun_result r_{};
  mutable std::string json_;
};

class bundle {
 public:
  explicit bundle(const char *path, const mrun_open_options *options = nullptr) {
    host_detail::call([&](mrun_error *e) { return mrun_open(path, options, &b_, e); });
  }
  // A .mb file that is open; fd stays the caller's.
  static bundle from_descriptor(int fd, const mrun_open_options *options = nullptr) {
    bundle b;
    host_detail::call([&](mrun_error *e) { return mrun_open_fd(fd, options, &b.b_, e); });
    return b;
  }
  // A .mb file's bytes, not copied. `release` is called once, in every case; it must not throw.
  static bundle from_memory(const void *data, size_t size, std::function<void()> release,
                            const mrun_open_options *options = nullptr) {
    bundle b;
    auto kept = std::make_unique<std::function<void()>>(std::move(release));
    const auto let_go = [](void *user) {
      const std::unique_ptr<std::function<void()>> f(static_cast<std::function<void()> *>(user));
      if (*f) (*f)();
    };
    host_detail::call(
        [&](mrun_error *e) { return mrun_open_memory(data, size, let_go, kept.release(), options, &b.b_, e); });
    return b;
  }
  bundle(bundle &&o) noexcept : b_(std::exchange(o.b_, nullptr)) {}
  bundle &operator=(bundle &&o) noexcept {
    std::swap(b_, o.b_);
    return *this;
  }
  ~bundle() { mrun_close(b_); }
  mrun_bundle *raw() const { return b_; }
  std::string digest() const { return mrun_digest(b_); }
  std::string inspect(const char *what = nullptr) const {
    return host_detail::string_of([&](char **s, mrun_error *e) { return mrun_inspect(b_, what, s, e); });
  }
  variant read(const char *path) const {
    variant v;
    host_detail::call([&](mrun_error *e) { return mrun_read(b_, path, v.out(), e); });
    return v;
  }
  // An input from the content of a file, by the kind of the bundle's input (see mrun_input_bytes).
  variant input(const void *data, size_t size, const char *field = nullptr) const {
    variant v;
    host_detail::call([&](mrun_error *e) { return mrun_input_bytes(b_, field, data, size, v.out(), e); });
    return v;
  }

 private:
  bundle() = default;
  mrun_bundle *b_ = nullptr;
};

class engine {
 public:
  explicit engine(const bundle &b, const mrun_options *options = nullptr) {
    host_detail::call([&](mrun_error *e) { return mrun_start(b.raw(), options, &e_, e); });
  }
  engine(engine &&o) noexcept : e_(std::exchange(o.e_, nullptr)) {}
  engine &operator=(engine &&o) noexcept {
    std::swap(e_, o.e_);
    return *this;
  }
  ~engine() {
    if (mrun_stop(e_) != MRUN_USAGE) return;
    try {
      std::thread(mrun_stop, e_).detach();
    } catch (...) {  // no thread is to be had: it goes on
    }
  }
  mrun_engine *raw() const { return e_; }
  // One item in the calling thread's time.
  result run(const variant &input, const mrun_item &how = item()) const {
    result r;
    mrun_run(e_, &input.c(), &how, r.raw());
    return r;
  }
  // Queues the item, and waits while the queue is full (`wait` seconds at most, then failure TIMEOUT). done(result) runs
  // once, on one of the engine's threads, and must not throw. Returns the item's id, for cancel.
  template <class Done, class = std::enable_if_t<std::is_invocable_v<Done &, result>>>
  uint64_t submit(const variant &input, Done done, const mrun_item &how = item(), double wait = -1) const {
    auto kept = std::make_unique<Done>(std::move(done));
    const mrun_done forward = [](void *user, mrun_result *r) {
      const std::unique_ptr<Done> f(static_cast<Done *>(user));
      (*f)(result(std::exchange(*r, mrun_result{})));
    };
    uint64_t id = 0;
    host_detail::call([&](mrun_error *) { return mrun_submit(e_, &input.c(), &how, wait, forward, kept.get(), &id); });
    kept.release();  // its `done` frees it
    return id;
  }
  std::future<result> submit(const variant &input, const mrun_item &how = item(), double wait = -1,
                             uint64_t *id = nullptr) const {
    std::promise<result> promise;
    std::future<result> answer = promise.get_future();
    const uint64_t made = submit(
        input, [p = std::move(promise)](result r) mutable { p.set_value(std::move(r)); }, how, wait);
    if (id != nullptr) *id = made;
    return answer;
  }
  bool cancel(uint64_t id) const { return mrun_cancel(e_, id) == MRUN_OK; }
  void ordered(bool yes) const {
    host_detail::call([&](mrun_error *) { return mrun_ordered(e_, yes ? 1 : 0); });
  }
  void drain() const {
    host_detail::call([&](mrun_error *) { return mrun_drain(e_); });
  }
  void end() const {
    host_detail::call([&](mrun_error *) { return mrun_end(e_); });
  }
  std::string statistics() const {
    return host_detail::string_of([&](char **s, mrun_error *) { return mrun_statistics(e_, s); });
  }

 private:
  mrun_engine *e_ = nullptr;
};

}  // namespace mrun
