// The subcommands of signatures: keygen, sign. verify, inspect and a run check them.
#include "arguments.h"
#include "files.h"
#include "report.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

std::string fingerprint_of(const std::string &report) {
  const mrun::variant parsed = mrun::from_json(report);
  return View{&parsed.c()}.at("key").text();
}

mrun::variant key_options(const std::string &algorithm, bool force) {
  std::vector<std::pair<std::string, mrun::variant>> entries;
  entries.emplace_back("algorithm", mrun::text(algorithm.c_str()));
  entries.emplace_back("force", mrun::from_json(force ? "true" : "false"));
  return mrun::map(std::move(entries));
}

}  // namespace

int keygen(std::vector<std::string> args) {
  std::string path, algorithm = "p256";
  bool force = false;
  CommandLine app(
      "Makes a key pair: FILE, the private key, which only you may read, and FILE.pub, the public one, which you give "
      "to those who are to trust what you sign.",
      "keygen");
  app.add_option("FILE", path, "the private key's file to make").required();
  app.add_option("--algorithm", algorithm, "p256 (the default, which every tool knows) or ed25519")
      .type_name("p256|ed25519");
  app.add_flag("--force", force, "replace the files where they are there already; the old key is lost");
  return parse_and_run(app, std::move(args), [&] {
    const mrun::variant options = key_options(algorithm, force);
    const std::string report = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_keygen(path.c_str(), &options.c(), s, e); });
    print(shown(path) + ": the private key; keep it to yourself\n" + shown(path) + ".pub: the public key " +
          fingerprint_of(report) + "\n");
    return int(ok);
  });
}

int sign(std::vector<std::string> args) {
  std::string bundle, key;
  CommandLine app(
      "Adds a signature over all files of a bundle (OpenSSF Model Signing v1.0); signatures by other keys stay. "
      "Nothing else changes: the digest stays the same.",
      "sign");
  app.add_option("BUNDLE", bundle, "a .mb file or a folder").required();
  app.add_option("--key", key, "the private key's file").required().type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    if (const BundleName parts = split_revision(bundle); !parts.revision.empty()) {
      throw mrun::failure(MRUN_USAGE, bundle + ": a signature is over the whole file; give " + parts.path);
    }
    const std::string report = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_sign(bundle.c_str(), key.c_str(), s, e); });
    print(shown(bundle) + ": signed by " + fingerprint_of(report) + "\n");
    return int(ok);
  });
}

}  // namespace command
