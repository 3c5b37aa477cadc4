// The subcommand that shows a bundle: inspect.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "arguments.h"
#include "files.h"
#include "highlight.h"
#include "report.h"
#include "screen.h"
#include "standard_output.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

struct Options {
  std::string name, path;
  bool json = false, stats = false, all = false, isolation = false;
  Trust trust;
};

constexpr size_t label_width = 11;

// A labelled text, over several lines where the terminal is narrow.
void add(std::vector<std::string> &head, const std::string &label, const std::string &text) {
  const size_t columns = terminal_size().columns;
  std::vector<std::string> lines =
      wrapped(words_of(text), columns == 0 ? SIZE_MAX : columns, std::string(label_width, ' '));
  if (lines.empty()) return;
  lines[0].replace(0, label.size(), label);
  head.insert(head.end(), lines.begin(), lines.end());
}

std::string one_line(const View &v) { return shown(v.v->kind == MRUN_STRING ? v.text() : v.json()); }

double sum(const View &rows, const char *key) {
  double total = 0;
  for (size_t i = 0; i < rows.size(); ++i) total += rows[i].at(key).number();
  return total;
}

std::string takes(const View &manifest) {
  const View input = manifest.at("input"), fields = input.at("fields");
  std::string text = input.at("kind").text();
  for (size_t i = 0; i < fields.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + shown(fields[i].at("name").text()) + " = " + fields[i].at("kind").text() +
            (fields[i].at("optional").flag() ? " (optional)" : "");
  }
  return text;
}

std::string revision_of(const View &history) {
  if (history.is_nil()) return "none: a folder";
  std::string text = history.at("number").json();
  if (!history.at("message").text().empty()) text += "  " + shown(history.at("message").text());
  if (!history.at("author").text().empty()) text += "  by " + shown(history.at("author").text());
  if (!history.at("time").text().empty()) text += "  " + shown(history.at("time").text());
  return text;
}

std::string gives_of(const View &gives) {
  if (gives.is_nil()) return "known once it runs: there is no example in it";
  return shown(gives.at("type").text()) + "  (example " + shown(gives.at("example").text()) + ")";
}

// "libtorch 1.13.1 (87 operations), image 1.0.0 (12), script interface 1"
std::string needs_of(const View &needs) {
  if (needs.is_nil()) return "";
  std::string text;
  const View owners = needs.at("operations");
  for (size_t i = 0; i < owners.size(); ++i) {
    const std::string version = shown(owners.value(i).at("version").text());
    // A library says its own name ("libtorch 1.13.1"), a plugin its version alone.
    const bool library = version.find(' ') != std::string::npos;
    text += (library ? version : shown(owners.key(i)) + (version.empty() ? "" : " " + version)) + " (" +
            owners.value(i).at("count").json() + (i == 0 ? " operations), " : "), ");
  }
  return text + "script interface " + needs.at("script").json();
}

std::string examples_of(const View &examples) {
  constexpr size_t most = 8;
  if (examples.size() == 0) return "none";
  std::string text = std::to_string(examples.size()) + ": ";
  for (size_t i = 0; i < std::min(examples.size(), most); ++i) text += (i == 0 ? "" : ", ") + shown(examples[i].text());
  return text + (examples.size() > most ? ", …" : "");
}

// "by 0123… (not checked: --key or --trust)"
std::string signers_of(const View &signatures) {
  std::string text;
  for (size_t i = 0; i < signatures.size(); ++i) {
    const View s = signatures[i];
    const std::string key = s.at("key").text(), error = s.at("error").text();
    text += i == 0 ? "" : "; ";
    if (!error.empty()) {
      text += "not checked: " + shown(error);
    } else {
      text += "by " + (key.empty() ? "a key that it does not name" : shown(key)) +
              (s.at("checked").flag() ? " (checked)" : " (not checked: --key or --trust)");
    }
  }
  return text;
}

std::vector<std::string> head_of(const View &all, const std::string &name) {
  const View m = all.at("manifest");
  const std::string title = shown(m.at("name").text()) + " " + shown(m.at("version").text());
  std::vector<std::string> head{title == " " ? shown(name) : title};
  if (!m.at("description").text().empty()) head.push_back(shown(m.at("description").text()));
  add(head, "takes", takes(m));
  add(head, "gives", gives_of(all.at("gives")));
  add(head, "needs", needs_of(all.at("needs")));
  add(head, "digest", all.at("digest").text());
  add(head, "signed", signers_of(all.at("signatures")));
  add(head, "revision", revision_of(all.at("history")));
  add(head, "examples", examples_of(all.at("examples")));
  return head;
}

// A table of any depth as rows of dotted names.
void add_rows(const View &map, const std::string &prefix, std::vector<std::vector<std::string>> &rows) {
  for (size_t i = 0; i < map.size(); ++i) {
    const View v = map.value(i);
    if (v.v->kind == MRUN_MAP && v.size() > 0) {
      add_rows(v, prefix + map.key(i) + ".", rows);
    } else {
      rows.push_back({shown(prefix + map.key(i)), one_line(v)});
    }
  }
}

Section provenance_of(const View &manifest) {
  std::vector<std::vector<std::string>> rows;
  add_rows(manifest.at("provenance"), "", rows);
  return {"provenance", columns(rows)};
}

Section parameters_of(const View &parameters) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const View p = parameters[i];
    const View value = p.at("value");
    std::string type = p.at("type").text();
    if (type == "list") type += " of " + std::to_string(value.size());
    rows.push_back({shown(p.at("name").text()), type, shown(value.json())});
  }
  return {"parameters (" + std::to_string(rows.size()) + ")", columns(rows)};
}

Section models_of(const View &models) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < models.size(); ++i) {
    const View m = models[i], files = m.at("files"), methods = m.at("methods");
    std::string line = "  " + shown(m.at("name").text()) + "  ";
    for (size_t k = 0; k < files.size(); ++k) line += (k == 0 ? "" : " + ") + shown(files[k].text());
    if (!m.at("backend").text().empty()) line += "  backend " + shown(m.at("backend").text());
    if (m.at("stateful").flag()) line += "  stateful";
    if (m.at("options").size() > 0) line += "  " + shown(m.at("options").json());
    lines.push_back(line);
    for (size_t k = 0; k < methods.size(); ++k) lines.push_back("    " + shown(methods[k].text()));
    if (methods.is_nil()) lines.emplace_back("    methods: packing it lists them here");
    if (m.at("gone").size() > 0) {
      lines.emplace_back("    gone: a later commit replaced the weights, and history keeps none");
    } else if (files.size() == 1) {
      lines.push_back("    in one file: its tensors are seen only by loading " + shown(files[0].text()));
    }
  }
  return {"models (" + std::to_string(models.size()) + ")", std::move(lines)};
}

Section tensors_of(const View &tensors, size_t models) {
  std::vector<std::vector<std::string>> rows;
  const bool stats = tensors.size() > 0 && mrun_get(tensors[0].v, "nan") != nullptr;
  if (stats) rows.push_back({"", "shape", "dtype", "bytes", "min", "max", "mean", "NaN"});
  for (size_t i = 0; i < tensors.size(); ++i) {
    const View t = tensors[i];
    const std::string model = models > 1 ? shown(t.at("model").text()) + ": " : "";
    const View bytes = t.at("bytes");
    std::vector<std::string> row{model + shown(t.at("name").text()), t.at("shape").json(), t.at("dtype").text(),
                                 stats ? bytes.json() : show_size(bytes.number())};
    if (stats) {
      for (const char *key : {"min", "max", "mean", "nan"}) row.push_back(short_number(t.at(key)));
    }
    rows.push_back(std::move(row));
  }
  return {"tensors (" + std::to_string(tensors.size()) + ", " + show_size(sum(tensors, "bytes")) + ")", columns(rows)};
}

Section files_of(const View &entries) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < entries.size(); ++i) {
    rows.push_back({shown(entries[i].at("path").text()), show_size(entries[i].at("size").number())});
  }
  return {"files (" + std::to_string(entries.size()) + ", " + show_size(sum(entries, "size")) + ")", columns(rows)};
}

Section operations_of(const View &names, size_t width) {
  std::vector<std::string> words;
  for (size_t i = 0; i < names.size(); ++i) words.push_back(shown(names[i].text()));
  return {"pinned operations (" + std::to_string(words.size()) + ")", wrapped(words, width, "  "), true};
}

std::string show_all(const View &all, const Options &o) {
  TerminalSize size = terminal_size();
  const size_t width = size.columns == 0 ? 100 : size.columns;
  if (o.all) size.rows = 0;
  const View models = all.at("manifest").at("models");
  return fitted(head_of(all, o.name),
                {provenance_of(all.at("manifest")), parameters_of(all.at("parameters")), models_of(models),
                 tensors_of(all.at("tensors"), models.size()), files_of(all.at("entries")),
                 operations_of(all.at("operations"), width)},
                size, "all of it: mrun inspect " + shown(o.name) + " --all");
}

void print_file(const mrun::bundle &bundle, const std::string &path) {
  const mrun::variant bytes = bundle.read(path.c_str());
  const DLTensor &t = bytes.c().as.tensor.dl->dl_tensor;
  const std::string_view text(static_cast<const char *>(t.data) + t.byte_offset, static_cast<size_t>(t.shape[0]));
  if (!is_terminal(answers_fd())) return print(text);
  if (text.substr(0, 8192).find('\0') != std::string_view::npos) {
    throw mrun::failure(MRUN_USAGE, path + ": is not a text (" + show_size(static_cast<double>(text.size())) +
                                        "); to get it, send the output to a file");
  }
  print(colours() ? highlighted(text, path) : escaped_controls(text));
}

void print_isolation(const mrun::bundle &bundle, bool json) {
  const std::string text = bundle.inspect("isolation");
  if (json) return print(text + "\n");
  const mrun::variant levels = mrun::from_json(text);
  std::vector<std::vector<std::string>> rows;
  add_rows({&levels.c()}, "", rows);
  for (const std::string &line : columns(rows)) print(line + "\n");
}

// All parts as one JSON text, the tensors with their statistics.
std::string with_stats(const mrun::bundle &bundle, const std::string &json) {
  const mrun::variant all = mrun::from_json(json), stats = mrun::from_json(bundle.inspect("stats"));
  const View parts{&all.c()};
  std::vector<std::pair<std::string, mrun::variant>> entries;
  for (size_t i = 0; i < parts.size(); ++i) {
    mrun::variant copy;
    const mrun_value &part = parts.key(i) == "tensors" ? stats.c() : *parts.value(i).v;
    mrun::host_detail::call([&](mrun_error *) { return mrun_value_copy(&part, copy.out()); });
    entries.emplace_back(parts.key(i), std::move(copy));
  }
  return mrun::map(std::move(entries)).json();
}

}  // namespace

int inspect(std::vector<std::string> args) {
  Options o;
  CommandLine app("Shows everything in a bundle; with PATH the text of one file. Runs nothing and loads no plugin.",
                  "inspect");
  app.add_option("BUNDLE", o.name, "a .mb file or a folder; model.mb@2 is its revision 2").required();
  Option path = app.add_option("PATH", o.path, "a file inside, as preprocess.lua; bundle.lock is the list of all");
  const Option stats =
      app.add_flag("--stats", o.stats, "minimum, maximum, mean and number of NaNs of each tensor; reads all weights");
  app.add_flag("--all", o.all, "on a terminal too, all of a long list");
  app.add_flag("--isolation", o.isolation, "what would hold the worker process that runs it on this machine")
      .excludes(path)
      .excludes(stats);
  o.trust.add_to(app);
  app.add_flag("--json", o.json, "everything as one JSON document").excludes(path);
  path.excludes(stats);
  return parse_and_run(app, std::move(args), [&] {
    const mrun::bundle bundle = open_bundle(o.name, o.trust);
    if (!o.path.empty()) {
      print_file(bundle, o.path);
      return int(ok);
    }
    if (o.isolation) {
      print_isolation(bundle, o.json);
      return int(ok);
    }
    const std::string all = o.stats ? with_stats(bundle, bundle.inspect()) : bundle.inspect();
    print(o.json ? all + "\n" : show_all({&mrun::from_json(all).c()}, o));
    return int(ok);
  });
}

}  // namespace command
