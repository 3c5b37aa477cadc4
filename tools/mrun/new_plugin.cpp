// The subcommand that makes the folder of a plugin: new-plugin.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "arguments.h"
#include "base/draft.h"
#include "files.h"
#include "report.h"
#include "subcommands.h"
#include "view.h"

// plugin_template/, embedded.
extern const char mrun_plugin_template_cmake[], mrun_plugin_template_source[], mrun_plugin_template_page[],
    mrun_plugin_template_toml[], mrun_plugin_template_test[];

namespace command {
namespace {

namespace fs = std::filesystem;

struct TemplateFile {
  const char *path, *text;  // in both "@NAME@" stands for the plugin's name
};

const std::array<TemplateFile, 5> files{{{"CMakeLists.txt", mrun_plugin_template_cmake},
                                         {"@NAME@.cpp", mrun_plugin_template_source},
                                         {"@NAME@.md", mrun_plugin_template_page},
                                         {"test/bundle.toml", mrun_plugin_template_toml},
                                         {"test/preprocess.lua", mrun_plugin_template_test}}};

std::string filled(std::string text, const std::string &name) {
  const std::string mark = "@NAME@";
  for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += name.size()) {
    text.replace(at, mark.size(), name);
  }
  return text;
}

// Names with which what is made would not load, build or run.
struct Taken {
  const char *what;
  std::vector<std::string> names;
};

const std::array<Taken, 3> taken{
    {{"the name of a module that mrun brings",
      {"torch", "image", "text", "audio", "decode", "bundle", "json", "log", "bit", "core", "coroutine", "lib", "math",
       "string", "table"}},
     {"a word of Lua's, so no script could write it",
      {"and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
       "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"}},
     {"a target of CMake's own",
      {"all", "help", "install", "preinstall", "clean", "edit_cache", "rebuild_cache", "test", "package",
       "package_source"}}}};

void check_name(const std::string &name) {
  const bool word = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (!word || name.empty() || name[0] < 'a' || name.size() > 64) {
    throw mrun::failure(MRUN_USAGE, "'" + name + "' is no plugin's name: want [a-z][a-z0-9_]*, at most 64 long");
  }
  for (const Taken &t : taken) {
    if (std::find(t.names.begin(), t.names.end(), name) == t.names.end()) continue;
    throw mrun::failure(MRUN_USAGE, "'" + name + "' is " + t.what + "; give another name");
  }
}

void write_all(const fs::path &folder, const std::string &name) {
  std::error_code unknown;  // what cannot be looked at cannot be made: that says why
  if (fs::exists(fs::symlink_status(folder, unknown)))
    throw mrun::failure(MRUN_USAGE, folder.string() + ": is there already");
  with_files([&] {
    mrun::FolderDraft draft(folder);
    for (const TemplateFile &file : files) draft.write(filled(file.path, name), filled(file.text, name));
    draft.commit();
  });
}

}  // namespace

int new_plugin(std::vector<std::string> args) {
  std::string given;
  CommandLine app("Makes the folder of a plugin, which builds against an installed mrun.", "new-plugin");
  app.add_option("NAME", given, "the folder to make; its last part is the plugin's name").required();
  return parse_and_run(app, std::move(args), [&] {
    const fs::path folder = (fs::path(given) / "").parent_path();
    const std::string name = folder.filename().string();
    check_name(name);
    write_all(folder, name);
    print(shown(given) + ": made. Next: cd " + typed(given) +
          " && cmake -B build && cmake --build build && ctest --test-dir build\n");
    return int(ok);
  });
}

}  // namespace command
