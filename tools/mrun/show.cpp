// The subcommands that show what is installed: ops, plugins.
#include <unistd.h>

#include <cstdio>

#include "arguments.h"
#include "options.h"
#include "report.h"
#include "screen.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

std::string first_line(const std::string &text) { return text.substr(0, text.find('\n')); }

}  // namespace

int operations(std::vector<std::string> args) {
  std::string name;
  bool json = false;
  RunOptions run;
  CommandLine app("Lists the native operations that scripts can call, or explains one.", "ops");
  app.add_option("NAME", name, "as image, image.resize, image.resize@1 or aten.softmax");
  app.add_flag("--json", json, "as JSON");
  app.add_option("--plugin", run.plugins, "load a plugin's file").one_at_a_time().type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    run.load_plugins_to_list();
    const std::string text = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_operations(name.empty() ? nullptr : name.c_str(), s, e); });
    if (json) {
      print(text + "\n");
      return int(ok);
    }
    const mrun::variant parsed = mrun::from_json(text);
    const View rows{&parsed.c()};
    std::string out;
    for (size_t i = 0; i < rows.size(); ++i) {
      const View r = rows[i];
      if (name.find('.') == std::string::npos) {
        out += labelled(shown(r.at("name").text()), 32, shown(first_line(r.at("doc").text())));
      } else {
        const std::string doc = escaped_controls(r.at("doc").text());
        out += shown(r.at("schema").text()) + "\n" + (doc.empty() ? "" : "\n" + doc + "\n\n");
      }
    }
    print(out);
    return int(ok);
  });
}

}  // namespace command
