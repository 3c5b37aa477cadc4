// The subcommands that make bundles: new, pack, unpack, record.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "differs.h"
#include "files.h"
#include "inputs.h"
#include "left_out.h"
#include "options.h"
#include "report.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

namespace fs = std::filesystem;

void show_pack(const View &report) {
  warn_left_out(report.at("left_out"));
  const View models = report.at("models");
  for (size_t i = 0; i < models.size(); ++i) {
    const std::string reason = models[i].at("reason").text();
    if (reason.empty()) continue;
    warn("model " + models[i].at("name").text() + " is kept whole: " + reason);
  }
  const double examples = report.at("examples").number();
  const std::string tried = examples == 0 ? no_examples : mrun::counted(examples, "example agrees", "examples agree");
  print(shown(report.at("path").text()) + ": " + mrun::counted(report.at("entries").number(), "entry", "entries") +
        ", " + show_size(report.at("size").number()) + ", " + tried + "\ndigest " + report.at("digest").text() + "\n");
}

// DIR.mb; of "." and "..", which are no names, by what the folder is called.
std::string beside(const std::string &folder) {
  const fs::path given = (fs::path(folder) / "").parent_path();
  std::error_code error;
  const bool named = given.has_filename() && given.filename() != "." && given.filename() != "..";
  return (named ? given : fs::canonical(given, error)).string() + ".mb";
}

// Other suffixes belong to the name, as in resnet.v2.
std::string name_without_suffix(const fs::path &file) {
  if (file.extension() == ".mb") return file.stem().string();
  throw mrun::failure(MRUN_USAGE, file.string() + ": its name does not end in .mb; say with -C which folder to make");
}

}  // namespace

int make_new(std::vector<std::string> args) {
  std::string name, kind;
  CommandLine app("Makes a bundle's folder that runs as it is.", "new");
  app.add_option("NAME", name, "the folder to make").required();
  app.add_option("--kind", kind, "what it takes").required().type_name("text|image|audio|bytes|json|tensor|record");
  return parse_and_run(app, std::move(args), [&] {
    mrun::host_detail::call([&](mrun_error *e) { return mrun_new(name.c_str(), kind.c_str(), nullptr, e); });
    const std::string bundle = typed(is_subcommand(name) ? "./" + name : name);  // a subcommand wins over a folder
    print(shown(name) + ": made. Next: edit " + typed(name + "/preprocess.lua") + ", then run  mrun " + bundle +
          " INPUT\n");
    return int(ok);
  });
}

int pack(std::vector<std::string> args) {
  std::string folder, out, message;
  bool update_std = false, dry_run = false, json = false;
  RunOptions run;
  CommandLine app("Makes one .mb file of a folder: pins the code, splits the models, runs the examples.", "pack");
  app.add_option("DIR", folder, "the bundle's folder").required();
  app.add_option("-o,--output", out, "the file to write (default: DIR.mb)").type_name("FILE");
  app.add_option("-m,--message", message, "a message for the first revision").type_name("MSG");
  app.add_flag("--update-std", update_std, "take std modules anew where the folder has std/");
  app.add_flag("--dry-run", dry_run, "do everything but write");
  app.add_flag("--json", json, "print the report as JSON");
  app.add_option("--plugin", run.plugins, "load a plugin's file").one_at_a_time().type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    want_named("-o", out);
    run.load_plugins();
    if (out.empty()) out = beside(folder);
    const mrun::variant options = options_map({{"update-std", update_std}, {"dry-run", dry_run}}, message);
    const auto packed = [&](char **s, mrun_error *e) {
      return mrun_pack(folder.c_str(), out.c_str(), &options.c(), s, e);
    };
    const std::string report = naming_nearby(
        folder, [&] { return telling_left_out(folder, packed); }, Nearby::folders);
    if (json) {
      print(report + "\n");
    } else {
      show_pack({&mrun::from_json(report).c()});
    }
    return int(ok);
  });
}

int unpack(std::vector<std::string> args) {
  std::string name, folder;
  CommandLine app("Makes a folder of a .mb file: what its author had, and std/ as it was packed.", "unpack");
  app.add_option("BUNDLE", name, "a .mb file").required();
  app.add_option("-C,--directory", folder, "the folder to make (default: the file's name without .mb)")
      .type_name("DIR");
  return parse_and_run(app, std::move(args), [&] {
    const mrun::bundle bundle = open_bundle(name);
    std::error_code unknown;
    if (fs::is_directory(split_revision(name).path, unknown))
      throw mrun::failure(MRUN_BUNDLE, name + ": is a folder already; a .mb file is wanted");
    if (folder.empty()) folder = name_without_suffix(split_revision(name).path);
    mrun::host_detail::call([&](mrun_error *e) { return mrun_unpack(bundle.raw(), folder.c_str(), nullptr, e); });
    print(shown(folder) + ": made\n");
    return int(ok);
  });
}

int record(std::vector<std::string> args) {
  std::string folder, name;
  std::vector<std::string> inputs;
  bool replace = false;
  RunOptions run;
  CommandLine app("Runs an input and keeps it, its stages and its answer as an example of the folder.", "record");
  app.add_option("DIR", folder, "the bundle's folder").required();
  app.add_option("NAME", name, "of the example").required();
  app.add_option("INPUT", inputs, "as for a run; NAME=VALUE for records").required();
  app.add_flag("--replace", replace, "take the place of an example of that name");
  app.add_option("--plugin", run.plugins, "load a plugin's file").one_at_a_time().type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    run.load_plugins();
    if (!fs::exists(folder) && fs::is_directory(name))
      throw mrun::failure(MRUN_USAGE, printable(folder) + ": no such folder; the bundle's comes first: mrun record " +
                                          printable(name) + " " + printable(folder) + " INPUT");
    const mrun::bundle bundle = open_bundle(folder);
    warn_left_out(bundle);
    const mrun::variant value = read_one_input(inputs, bundle);
    const mrun::variant options = options_map({{"replace", replace}});
    mrun::host_detail::call(
        [&](mrun_error *e) { return mrun_record(folder.c_str(), name.c_str(), &value.c(), &options.c(), e); });
    print(shown((fs::path(folder) / "examples" / name).string()) + ": recorded\n");
    return int(ok);
  });
}

}  // namespace command
