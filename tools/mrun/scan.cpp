// The subcommand that looks into a stranger's file: scan.
#include "arguments.h"
#include "report.h"
#include "screen.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

std::string show_scan(const View &all) {
  const std::string verdict = all.at("verdict").text();
  std::string text = shown(all.at("path").text()) + ": " + all.at("kind").text() + ", " +
                     (verdict == "data"   ? "data alone: nothing in it runs"
                      : verdict == "code" ? "holds code that runs"
                                          : red("unsafe")) +
                     "\n";
  const View findings = all.at("findings");
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < findings.size(); ++i) {
    const View f = findings[i];
    rows.push_back({f.at("verdict").text(), shown(f.at("where").text()), shown(f.at("what").text())});
  }
  for (const std::string &line : columns(rows)) text += line + "\n";
  return text;
}

// What cannot be looked into was refused: 3, not the status of code that runs.
std::string scanned(const std::string &path) {
  try {
    return mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_scan(path.c_str(), s, e); });
  } catch (const mrun::failure &e) { throw mrun::failure(MRUN_BUNDLE, e.what()); }
}

int exit_of_verdict(const std::string &verdict) {
  if (verdict == "data") return ok;
  return verdict == "code" ? some_failed : not_verified;
}

}  // namespace

int scan(std::vector<std::string> args) {
  std::string path;
  bool json = false;
  CommandLine app(
      "Says what in a model's file would run if it were loaded, by mrun or by others; runs nothing and loads nothing. "
      "Exit status 0: nothing runs, 1: code runs, 4: it reaches outside, hides what it does or is damaged, "
      "3: it is of no known kind.",
      "scan");
  app.add_option("FILE", path, "a .mb, .pt, .pth, .pt2, .pkl, .safetensors or .npy file, or a folder of them")
      .required();
  app.add_flag("--json", json, "as JSON");
  return parse_and_run(app, std::move(args), [&] {
    const std::string report = scanned(path);
    const mrun::variant parsed = mrun::from_json(report);
    const View all{&parsed.c()};
    print(json ? report + "\n" : show_scan(all));
    return exit_of_verdict(all.at("verdict").text());
  });
}

}  // namespace command
