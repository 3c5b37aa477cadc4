#include "api/engine_options.h"
#include "api/options.h"
#include "value/json.h"

using mrun::Value;
using mrun::api::bundle_of;
using mrun::api::guard;
using mrun::api::MapOptions;
using mrun::api::options_value;
using mrun::api::usage;

namespace {

void put_report(const Value &report, char **out) {
  if (out != nullptr) *out = mrun::api::copy_string(mrun::to_json(report));
}

}  // namespace

extern "C" {

int mrun_new(const char *folder, const char *kind, const mrun_value *options, mrun_error *error) {
  if (folder == nullptr || kind == nullptr) return usage(error, "mrun_new: folder and kind must not be NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_new");
    o.finish();
    mrun::make_new(folder, kind);
  });
}

int mrun_pack(const char *folder, const char *out, const mrun_value *options, char **report, mrun_error *error) {
  if (folder == nullptr || out == nullptr) return usage(error, "mrun_pack: folder and out must not be NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_pack");
    mrun::PackOptions how;
    how.update_std = o.flag("update-std");
    how.dry_run = o.flag("dry-run");
    how.message = o.text("message");
    o.finish();
    put_report(mrun::pack(mrun::api::default_registry(), folder, out, how), report);
  });
}

int mrun_unpack(mrun_bundle *bundle, const char *folder, const mrun_value *options, mrun_error *error) {
  if (folder == nullptr) return usage(error, "mrun_unpack: folder must not be NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_unpack");
    o.finish();
    mrun::unpack(*bundle_of(bundle), folder);
  });
}

int mrun_commit(const char *bundle, const char *folder, const char *message, const mrun_value *options, char **report,
                mrun_error *error) {
  if (bundle == nullptr || folder == nullptr || message == nullptr)
    return usage(error, "mrun_commit: an argument is NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_commit");
    mrun::CommitOptions how;
    how.message = message;
    how.author = o.text("author");
    how.time = o.text("time");
    how.update_std = o.flag("update-std");
    o.finish();
    put_report(mrun::commit(mrun::api::default_registry(), bundle, folder, how), report);
  });
}

int mrun_keygen(const char *path, const mrun_value *options, char **report, mrun_error *error) {
  if (path == nullptr) return usage(error, "mrun_keygen: path must not be NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_keygen");
    const std::string algorithm = o.text("algorithm");
    const bool replace = o.flag("force");
    o.finish();
    const mrun::PublicKey key = mrun::make_key(path, algorithm.empty() ? "p256" : algorithm, replace);
    put_report(Value::map({{"key", Value::string(key.fingerprint())}, {"pem", Value::string(key.pem())}}), report);
  });
}

int mrun_sign(const char *bundle, const char *key, char **report, mrun_error *error) {
  if (bundle == nullptr || key == nullptr) return usage(error, "mrun_sign: bundle and key must not be NULL");
  return guard(error, [&] {
    const std::string fingerprint = mrun::sign_bundle(bundle, mrun::read_private_key(key));
    put_report(Value::map({{"key", Value::string(fingerprint)}}), report);
  });
}

int mrun_log(const mrun_bundle *bundle, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_log: json must not be NULL");
  return guard(error, [&] { put_report(mrun::log_value(mrun::read_log(*bundle_of(bundle))), json); });
}

int mrun_diff(const mrun_bundle *a, const mrun_bundle *b, char **json, mrun_error *error) {
  if (json == nullptr) return usage(error, "mrun_diff: json must not be NULL");
  return guard(error, [&] { put_report(mrun::diff_value(mrun::diff_bundles(*bundle_of(a), *bundle_of(b))), json); });
}

int mrun_record(const char *folder, const char *name, const mrun_value *input, const mrun_value *options,
                mrun_error *error) {
  if (folder == nullptr || name == nullptr || input == nullptr) return usage(error, "mrun_record: an argument is NULL");
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_record");
    const bool replace = o.flag("replace");
    o.finish();
    mrun::record(folder, name, mrun::api::host_value(input), mrun::api::engine_options(nullptr), replace);
  });
}

int mrun_verify(mrun_bundle *bundle, const mrun_options *run, const mrun_value *options, char **report,
                mrun_error *error) {
  return guard(error, [&] {
    MapOptions o(options_value(options), "mrun_verify");
    mrun::VerifyOptions how;
    how.hashes_only = o.flag("hashes");
    o.finish();
    const auto opened = bundle_of(bundle);
    how.start = mrun::api::isolation_of(*opened, run);
    const mrun::Report result = mrun::verify(opened, mrun::api::engine_options(run), how);
    put_report(result.json, report);
    if (result.equal) return;
    const std::string line = mrun::first_difference(*result.json.find("examples"));
    mrun::fail(MRUN_VERIFY, "{}", line.empty() ? result.json.find("hashes")->as_string() : line);
  });
}

}  // extern "C"
