#include "api/engine_options.h"
#include "isolate/isolate.h"
#include "report/scan.h"
#include "value/json.h"

using mrun::Bundle;
using mrun::Value;
using mrun::api::bundle_of;
using mrun::api::copy_string;
using mrun::api::guard;
using mrun::api::usage;

namespace {

mrun::OpenOptions open_options(const mrun_open_options *given) {
  const mrun_open_options o = mrun::api::sized(given, "mrun_open_options");
  mrun::OpenOptions options{o.revision == nullptr ? "" : o.revision, o.verify != 0};
  if (o.trusted_keys != nullptr) {
    options.trusted = mrun::read_trusted_keys(o.trusted_keys);
  } else if (o.require_signature != 0) {
    mrun::fail(MRUN_USAGE,
               "require_signature: whose? trusted_keys is wanted: a public key's file, or a folder of them");
  }
  return options;
}

mrun_bundle *handle(std::shared_ptr<const Bundle> bundle) {
  std::string digest = bundle->digest();
  return mrun::api::keep(std::make_shared<mrun_bundle>(mrun_bundle{std::move(bundle), std::move(digest)}));
}

// What can be told without reading it: a file's bytes are somewhere, and end before the addresses do.
bool is_memory(const void *data, size_t size) {
  return size == 0 ||
         (data != nullptr && size <= PTRDIFF_MAX && reinterpret_cast<uintptr_t>(data) <= UINTPTR_MAX - size);
}

Value isolation(const Bundle &bundle) {
  std::vector<std::pair<std::string, Value>> entries;
  for (const auto &[layer, level] : mrun::isolation_levels(bundle, mrun::api::engine_options(nullptr))) {
    entries.emplace_back(layer, Value::string(level));
  }
  return Value::map(std::move(entries));
}

}  // namespace

extern "C" {

int mrun_open(const char *path, const mrun_open_options *options, mrun_bundle **out, mrun_error *error) {
  if (path == nullptr || out == nullptr) return usage(error, "mrun_open: path and out must not be NULL");
  *out = nullptr;
  return guard(error, [&] { *out = handle(Bundle::open(path, open_options(options))); });
}

int mrun_open_fd(int fd, const mrun_open_options *options, mrun_bundle **out, mrun_error *error) {
  if (out == nullptr) return usage(error, "mrun_open_fd: out must not be NULL");
  *out = nullptr;
  return guard(error, [&] { *out = handle(Bundle::open_fd(fd, open_options(options))); });
}

int mrun_open_memory(const void *data, size_t size, void (*release)(void *user), void *user,
                     const mrun_open_options *options, mrun_bundle **out, mrun_error *error) {
  if (out != nullptr) *out = nullptr;
  return guard(error, [&] {
    // Releases the memory in every case, also where there is none for this.
    std::shared_ptr<void> owner(user, [release](void *u) {
      if (release != nullptr) mrun::api::call_host([&] { release(u); });
    });
    if (out == nullptr) mrun::fail(MRUN_USAGE, "mrun_open_memory: out must not be NULL");
    if (!is_memory(data, size)) {
      mrun::fail(MRUN_USAGE, "mrun_open_memory: no memory lies at data that has size bytes");
    }
    auto let_go = [owner]() mutable { owner.reset(); };
    *out = handle(Bundle::open_memory(data, size, let_go, open_options(options)));
  });
}

int mrun_inspect(const mrun_bundle *bundle, const char *what, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_inspect: json must not be NULL");
  return guard(error, [&] {
    const std::string part = what == nullptr ? "" : what;
    const auto opened = bundle_of(bundle);
    *json = copy_string(mrun::to_json(part == "isolation" ? isolation(*opened) : mrun::inspect(*opened, part)));
  });
}

int mrun_scan(const char *path, char **json, mrun_error *error) {
  if (path == nullptr || json == nullptr) return usage(error, "mrun_scan: path and json must not be NULL");
  return guard(error, [&] { *json = copy_string(mrun::to_json(mrun::scan(path))); });
}

int mrun_read(const mrun_bundle *bundle, const char *path, mrun_value *bytes, mrun_error *error) {
  if (path == nullptr || bytes == nullptr) return usage(error, "mrun_read: path and bytes must not be NULL");
  return guard(error, [&] { *bytes = bundle_of(bundle)->read(path).release(); });
}

const char *mrun_digest(const mrun_bundle *bundle) {
  const char *digest = "";
  guard(nullptr, [&] { digest = mrun::api::find(bundle)->digest.c_str(); });
  return digest;
}

}  // extern "C"
