// The subcommands that show: inspect, ops, plugins.
#include <unistd.h>

#include <cstdio>

#include "view.h"

namespace command {
namespace {

std::string show_tensors(const View &tensors) {
  double bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) bytes += tensors[i].at("bytes").number();
  std::string text = bold("tensors (" + std::to_string(tensors.size()) + ", " +
                          std::to_string(static_cast<long long>(bytes)) + " bytes)") +
                     "\n";
  for (size_t i = 0; i < tensors.size(); ++i) {
    const View t = tensors[i];
    text += "  " + padded(t.at("model").text() + "." + t.at("name").text(), 44) + padded(t.at("dtype").text(), 10) +
            t.at("shape").json() + "\n";
  }
  return text;
}

std::string show_manifest(const View &all) {
  const View m = all.at("manifest");
  std::string text = bold(m.at("name").text() + " " + m.at("version").text()) + "\n";
  if (!m.at("description").text().empty()) text += m.at("description").text() + "\n";
  text += "takes      " + m.at("input").at("kind").text() + "\n";
  const View fields = m.at("input").at("fields");
  for (size_t i = 0; i < fields.size(); ++i)
    text += "             " + fields[i].at("name").text() + ": " + fields[i].at("kind").text() + "\n";
  if (!all.at("digest").text().empty()) text += "digest     " + all.at("digest").text() + "\n";
  const View revision = all.at("history");
  if (revision.size() > 0)
    text += "revision   " + revision.at("number").json() + "  " + revision.at("message").text() + "\n";
  const View params = all.at("params");
  text += bold("parameters") + "\n";
  for (size_t i = 0; i < params.size(); ++i) text += "  " + padded(params.key(i), 24) + params.value(i).json() + "\n";
  const View models = m.at("models");
  if (models.size() > 0) text += bold("models") + "\n";
  for (size_t i = 0; i < models.size(); ++i)
    text += "  " + padded(models[i].at("name").text(), 24) + models[i].at("files").json() + "\n";
  return text;
}

std::string show_all(const View &all) {
  std::string text = show_manifest(all);
  if (all.at("tensors").size() > 0) text += show_tensors(all.at("tensors"));
  const View entries = all.at("entries");
  text += bold("files (" + std::to_string(entries.size()) + ")") + "\n";
  for (size_t i = 0; i < entries.size(); ++i)
    text += "  " + padded(entries[i].at("path").text(), 44) + entries[i].at("size").json() + "\n";
  const View operations = all.at("operations");
  if (operations.size() > 0) text += bold("pinned operations (" + std::to_string(operations.size()) + ")") + "\n";
  std::string line = " ";
  for (size_t i = 0; i < operations.size(); ++i) {
    if (line.size() + operations[i].text().size() > 100) {
      text += line + "\n";
      line = " ";
    }
    line += " " + operations[i].text();
  }
  if (line.size() > 1) text += line + "\n";
  const View examples = all.at("examples");
  if (examples.size() > 0) text += bold("examples") + "\n";
  for (size_t i = 0; i < examples.size(); ++i) text += "  " + examples[i].text() + "\n";
  return text;
}

void print_file(const mrun::bundle &bundle, const std::string &path) {
  const mrun::variant bytes = bundle.read(path.c_str());
  const DLTensor &t = bytes.c().as.tensor.dl->dl_tensor;
  print({static_cast<const char *>(t.data) + t.byte_offset, static_cast<size_t>(t.shape[0])});
}

std::string first_line(const std::string &text) { return text.substr(0, text.find('\n')); }

}  // namespace

int inspect(std::vector<std::string> args) {
  std::string name, path;
  bool json = false;
  CLI::App app("Shows what is in a bundle; with PATH the text of one file. Runs nothing.", "inspect");
  app.add_option("BUNDLE", name, "a .mb file or a folder")->required();
  app.add_option("PATH", path, "a file inside, as preprocess.lua");
  app.add_flag("--json", json, "everything as one JSON document");
  return parse_and_run(app, std::move(args), [&] {
    const mrun::bundle bundle = open_bundle(name);
    if (!path.empty()) {
      print_file(bundle, path);
      return int(ok);
    }
    const std::string all = bundle.inspect();
    print(json ? all + "\n" : show_all({&mrun::from_json(all).c()}));
    return int(ok);
  });
}

int operations(std::vector<std::string> args) {
  std::string name;
  bool json = false;
  RunOptions run;
  CLI::App app("Lists the native operations that scripts can call, or explains one.", "ops");
  app.add_option("NAME", name, "as image.resize, image.resize@1 or aten.softmax");
  app.add_flag("--json", json, "as JSON");
  app.add_option("--plugin", run.plugins, "load a plugin's file")->allow_extra_args(false)->type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    run.load_plugins();
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
      if (name.empty()) {
        out += padded(r.at("name").text(), 32) + first_line(r.at("doc").text()) + "\n";
      } else {
        out += r.at("schema").text() + "\n" + (r.at("doc").text().empty() ? "" : "\n" + r.at("doc").text() + "\n\n");
      }
    }
    print(out);
    return int(ok);
  });
}

int plugins(std::vector<std::string> args) {
  bool json = false;
  RunOptions run;
  CLI::App app("Lists the plugins and what they bring.", "plugins");
  app.add_flag("--json", json, "as JSON");
  app.add_option("--plugin", run.plugins, "load a plugin's file")->allow_extra_args(false)->type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    run.load_plugins();
    const std::string text = mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_plugins(s, e); });
    if (json) {
      print(text + "\n");
      return int(ok);
    }
    const mrun::variant parsed = mrun::from_json(text);
    const View rows{&parsed.c()};
    std::string out;
    for (size_t i = 0; i < rows.size(); ++i) {
      const View r = rows[i];
      out += padded(r.at("name").text(), 12) + padded(r.at("version").text(), 10) +
             padded(r.at("operations").json() + " operations", 18) + r.at("doc").text() + "\n" + std::string(12, ' ') +
             r.at("path").text() + "\n";
    }
    print(out);
    return int(ok);
  });
}

}  // namespace command
