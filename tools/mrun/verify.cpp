// The subcommand that proves: verify.
#include <algorithm>
#include <cstdio>

#include "arguments.h"
#include "differs.h"
#include "files.h"
#include "junit.h"
#include "options.h"
#include "report.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

std::string show_row(const View &row) {
  const std::string name = shown(row.at("name").text());
  if (row.at("equal").flag()) return green("ok") + "      " + name + "\n";
  if (row.at("leaks").flag()) return red("leaks") + "   " + name + ": " + what_differs(row) + "\n";
  return red("differs") + " " + name + ": " + what_differs(row) + "\n";
}

// "3 examples: 1 ok, 1 differs, 1 leaks"
std::string summary(const View &examples) {
  size_t equal = 0, leaks = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    equal += examples[i].at("equal").flag() ? 1 : 0;
    leaks += examples[i].at("leaks").flag() ? 1 : 0;
  }
  const size_t differ = examples.size() - equal - leaks;
  if (examples.size() == 0) return std::string(no_examples) + "\n";
  std::string text = mrun::counted(examples.size(), "example");
  text += ": " + std::to_string(equal) + " ok";
  if (differ > 0) text += ", " + std::to_string(differ) + (differ == 1 ? " differs" : " differ");
  if (leaks > 0) text += ", " + std::to_string(leaks) + (leaks == 1 ? " leaks" : " leak");
  return text + "\n";
}

// The key that was proved to have signed it; empty where none was asked for.
std::string signer_of(const mrun::bundle &bundle) {
  const mrun::variant parsed = mrun::from_json(bundle.inspect("signatures"));
  const View rows{&parsed.c()};
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].at("checked").flag()) return rows[i].at("key").text();
  }
  return "";
}

void show_report(const View &all, const std::string &signer, bool hashes_only) {
  const std::string hashes = all.at("hashes").text();
  const bool failed = hashes != "ok" && hashes != "none";
  std::string text = "hashes  " + (failed ? red(shown(hashes)) : hashes) + "\n";
  if (!signer.empty()) text += "signed  by " + shown(signer) + "\n";
  const View examples = all.at("examples");
  for (size_t i = 0; i < examples.size(); ++i) text += show_row(examples[i]);
  if (!hashes_only && !failed) text += summary(examples);
  print(text);
}

struct Options {
  std::string name, junit;
  bool hashes = false, json = false;
  RunOptions run;
  Trust trust;
};

// What says how examples are run is without effect where none is. MRUN_ISOLATION is no word of the command's: it goes unheard.
void want_no_run(const CommandLine &app, const std::vector<std::string> &given) {
  CommandLine running;
  RunOptions options;
  options.add_to(running);
  for (const std::string &name : running.options()) {
    const auto names_it = [&](const std::string &a) { return a == name || a.starts_with(name + "="); };
    if (name == "--help" || !app.is_given(name) || std::none_of(given.begin(), given.end(), names_it)) continue;
    throw mrun::failure(MRUN_USAGE, "--hashes: runs nothing, so there is no use for " + name);
  }
}

int verify_bundle(const Options &o) {
  o.run.load_plugins();
  const mrun::bundle bundle = open_bundle(o.name, o.trust);
  EngineOptions options(o.run, bundle);
  const mrun::variant how = options_map({{"hashes", o.hashes}});
  char *text = nullptr;
  mrun_error error{};
  const int code = mrun_verify(bundle.raw(), options.get(), &how.c(), &text, &error);
  const std::unique_ptr<char, void (*)(void *)> owner(text, mrun_free);
  const std::string message = error.message == nullptr ? "" : error.message;
  mrun_error_free(&error);
  if (text == nullptr) throw mrun::failure(code, message);
  const mrun::variant parsed = mrun::from_json(text);
  const View all{&parsed.c()};
  if (!o.junit.empty()) write_junit(o.junit, o.name, all);
  if (o.json) {
    print(std::string(text) + "\n");
  } else {
    show_report(all, signer_of(bundle), o.hashes);
  }
  return code == MRUN_OK ? int(ok) : report(code, message);
}

}  // namespace

std::string what_differs(const View &row) {
  std::string text;
  if (row.at("leaks").flag()) {
    text = "what it gives depends on what ran before it, so state leaks between items; in run " + row.at("run").json() +
           " ";
  }
  text += "first in " + row.at("stage").text();
  if (!row.at("place").text().empty()) text += " at " + shown(row.at("place").text());
  text += ": " + shown(row.at("message").text());
  const View differing = row.at("differing"), size = row.at("max_abs");
  if (!differing.is_nil()) text += " (" + differing.json() + " of " + row.at("of").json() + " elements differ";
  if (!size.is_nil()) {
    text += (differing.is_nil() ? " (off by " : ", by at most ") + short_number(size) + ", relative " +
            short_number(row.at("max_rel"));
  }
  return text + (differing.is_nil() && size.is_nil() ? "" : ")");
}

int verify(std::vector<std::string> args) {
  Options o;
  CommandLine app(
      "Checks every hash, then runs each example: alone, again in the opposite order of all, and with its model calls "
      "joined with those of others; reports the first stage that differs from what was recorded. With --key or --trust "
      "the signature comes first. Exit status 0: all agree, 4: something differs.",
      "verify");
  app.add_option("BUNDLE", o.name, "a .mb file or a folder").required();
  app.add_flag("--hashes", o.hashes, "only the hashes; runs nothing");
  app.add_flag("--json", o.json, "print the report as JSON");
  app.add_option("--junit", o.junit, "write the report as JUnit XML, for CI systems").type_name("FILE");
  o.trust.add_to(app);
  o.run.add_to(app);
  const std::vector<std::string> given = args;
  return parse_and_run(app, std::move(args), [&] {
    if (o.hashes) want_no_run(app, given);
    want_named("--junit", o.junit);
    want_apart("--junit", o.junit, o.name);
    try {
      return verify_bundle(o);
    } catch (const mrun::failure &e) {
      if (!o.junit.empty() && e.code != MRUN_IO) write_junit_error(o.junit, o.name, e.what());
      throw;
    }
  });
}

}  // namespace command
