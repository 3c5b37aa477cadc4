// The subcommand about plugins: lists them, checks one, calls an operation of one.
#include "arguments.h"
#include "check.h"
#include "options.h"
#include "report.h"
#include "screen.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

std::string line(const View &plugin) {
  const std::string name = padded(shown(plugin.at("name").text()), 12);
  if (!plugin.at("error").is_nil()) return name + red("broken") + "    " + shown(plugin.at("error").text()) + "\n";
  const std::string facts = name + padded(shown(plugin.at("version").text()), 10) +
                            mrun::counted(plugin.at("operations").number(), "operation");
  return labelled(facts, 40, shown(plugin.at("doc").text())) + std::string(12, ' ') + shown(plugin.at("path").text()) +
         "\n";
}

int list_plugins(bool json) {
  const std::string text = mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_plugins(s, e); });
  const mrun::variant parsed = mrun::from_json(text);
  const View rows{&parsed.c()};
  std::string out;
  bool broken = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    broken = broken || !rows[i].at("error").is_nil();
    out += line(rows[i]);
  }
  print(json ? text + "\n" : out);
  return broken ? some_failed : ok;
}

struct Asked {
  std::string checked, models, called;
  std::vector<std::string> call_args;
  bool json = false;
  RunOptions run;
};

void add_options(CommandLine &app, Asked &asked) {
  Option check = app.add_option("--check", asked.checked,
                                "try whether a plugin's file keeps to the plugin ABI: runs all it brings")
                     .type_name("FILE");
  app.add_option("--models", asked.models,
                 "with --check: a bundle whose models the plugin's backends open are tried too")
      .type_name("BUNDLE")
      .needs(check);
  app.add_option("--call", asked.called, "call an operation by itself").type_name("OPERATION").excludes(check);
  app.add_option("ARG", asked.call_args,
                 "with --call: JSON, a tensor as float32[[1, 2], [3, 4]], or @FILE for its bytes; an object that comes "
                 "last is keyword arguments");
  app.add_flag("--json", asked.json, "as JSON");
  app.add_option("--plugin", asked.run.plugins, "load a plugin's file").one_at_a_time().type_name("FILE");
}

int answer(const Asked &asked) {
  if (asked.called.empty() && !asked.call_args.empty())
    throw mrun::failure(MRUN_USAGE, printable(asked.call_args[0]) +
                                        ": arguments are for --call; `mrun ops NAME` lists what a plugin brings");
  if (!asked.checked.empty()) return check_plugin(asked.checked, asked.models, asked.json);
  asked.run.load_plugins_to_list();
  return asked.called.empty() ? list_plugins(asked.json) : call_operation(asked.called, asked.call_args);
}

}  // namespace

int plugins(std::vector<std::string> args) {
  Asked asked;
  CommandLine app(
      "Lists the plugins and what they bring. Exit status 1: one of the files in the plugin folders is broken, or the "
      "checked one has problems.",
      "plugins");
  add_options(app, asked);
  return parse_and_run(app, std::move(args), [&] { return answer(asked); });
}

}  // namespace command
