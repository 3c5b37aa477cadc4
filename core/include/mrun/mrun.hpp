// mrun/mrun.hpp - mrun.h for C++17: handles that free themselves, failures as exceptions. Header only; the rules of
// mrun.h hold.
//
//   mrun::engine engine(mrun::bundle("model.mb"));
//   mrun::result r = engine.run(mrun::text("lorem ipsum"));
//   if (r) puts(r.json()); else fprintf(stderr, "%s\n", r.message());
//
// A failing item is no exception: test the result. A bundle that cannot be opened, or a call that can never work,
// throws mrun::failure.
#pragma once
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
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
    throw failure(code, error_.message != nullptr ? error_.message : mrun_code_name(code),
                  error_.detail != nullptr ? error_.detail : "");
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
  std::string json(int indent = 0) const {
    return host_detail::string_of([&](char **s, mrun_error *e) { return mrun_to_json(&v_, indent, s, e); });
  }

 private:
  mrun_value v_{};
};

// A text of the caller's: it must outlive the call it is given to.
inline variant text(const char *zero_terminated) { return variant(mrun_text(zero_terminated)); }
inline variant bytes(const void *data, size_t size) { return variant(mrun_bytes(data, size)); }
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

class result {
 public:
  result() = default;
  result(result &&o) noexcept : r_(std::exchange(o.r_, mrun_result{})) {}
  result &operator=(result &&o) noexcept {
    std::swap(r_, o.r_);
    return *this;
  }
  ~result() { mrun_result_free(&r_); }
  explicit operator bool() const { return r_.code == MRUN_OK; }
  int code() const { return r_.code; }
  const char *stage() const { return r_.stage; }
  const char *message() const { return r_.error.message != nullptr ? r_.error.message : ""; }
  const char *json() const { return r_.json != nullptr ? r_.json : ""; }  // the line the command would print
  const mrun_value &answer() const { return r_.answer; }
  const mrun_timings &time() const { return r_.time; }
  mrun_result *raw() { return &r_; }

 private:
  mrun_result r_{};
};

class bundle {
 public:
  explicit bundle(const char *path, const mrun_open_options *options = nullptr) {
    host_detail::call([&](mrun_error *e) { return mrun_open(path, options, &b_, e); });
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

 private:
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
  ~engine() { mrun_stop(e_); }
  mrun_engine *raw() const { return e_; }
  // One item in the calling thread's time; result.json() is filled in.
  result run(const variant &input) const {
    mrun_item item;
    MRUN_INIT(item);
    item.json = 1;
    result r;
    mrun_run(e_, &input.c(), &item, r.raw());
    return r;
  }
  // `done` runs once on one of the engine's threads and must not throw. Waits while the queue is full.
  void submit(const variant &input, std::function<void(const mrun_result &)> done) const {
    mrun_item item;
    MRUN_INIT(item);
    item.json = 1;
    auto kept = std::make_unique<std::function<void(const mrun_result &)>>(std::move(done));
    const mrun_done forward = [](void *user, mrun_result *r) {
      const std::unique_ptr<std::function<void(const mrun_result &)>> f(
          static_cast<std::function<void(const mrun_result &)> *>(user));
      (*f)(*r);
    };
    host_detail::call(
        [&](mrun_error *) { return mrun_submit(e_, &input.c(), &item, -1, forward, kept.get(), nullptr); });
    kept.release();  // its `done` frees it
  }
  void drain() const { mrun_drain(e_); }

 private:
  mrun_engine *e_ = nullptr;
};

}  // namespace mrun
