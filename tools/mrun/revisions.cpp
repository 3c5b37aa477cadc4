// The subcommands of revisions: commit, log, diff.
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "arguments.h"
#include "files.h"
#include "left_out.h"
#include "options.h"
#include "report.h"
#include "standard_output.h"
#include "subcommands.h"
#include "view.h"

namespace command {
namespace {

mrun::variant commit_options(const std::string &author, const std::string &time, bool update_std) {
  std::vector<std::pair<std::string, mrun::variant>> entries;
  if (!author.empty()) entries.emplace_back("author", mrun::text(author.c_str()));
  if (!time.empty()) entries.emplace_back("time", mrun::text(time.c_str()));
  if (update_std) entries.emplace_back("update-std", mrun::from_json("true"));
  return mrun::map(std::move(entries));
}

std::string size_or_none(const View &size) { return size.is_nil() ? "-" : size.json(); }

// A file that had the weights of two revisions beside each other may be smaller without them.
std::string by_how_much(double grown) {
  return mrun::counted(std::abs(grown), "byte") + (grown < 0 ? " less" : " more");
}

// The first line of a message, and the others below it.
std::string show_message(const std::string &message) {
  std::string text;
  for (size_t begin = 0; begin <= message.size();) {
    const size_t end = std::min(message.find('\n', begin), message.size());
    text += (begin == 0 ? "" : "  ") + shown(message.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return text;
}

std::string show_log(const View &log, bool stat) {
  std::string text;
  for (size_t i = 0; i < log.size(); ++i) {
    const View r = log[i];
    text += bold("revision " + r.at("number").json()) + "  " + r.at("digest").text().substr(0, 12) + "  " +
            show_message(r.at("message").text());
    if (!r.at("author").text().empty()) text += "  by " + shown(r.at("author").text()) + "\n";
    if (!r.at("time").text().empty()) text += "  at " + shown(r.at("time").text()) + "\n";
    const View changes = r.at("changes"), gone = r.at("gone");
    for (size_t k = 0; stat && k < changes.size(); ++k) {
      text += "  " + padded(shown(changes[k].at("path").text()), 44) + size_or_none(changes[k].at("before")) + " -> " +
              size_or_none(changes[k].at("after")) + "\n";
    }
    for (size_t k = 0; k < gone.size(); ++k) text += "  gone: " + shown(gone[k].text()) + "\n";
  }
  return text;
}

std::string coloured(const std::string &unified) {
  std::string text;
  for (size_t begin = 0; begin < unified.size();) {
    const size_t end = std::min(unified.find('\n', begin), unified.size());
    std::string line = unified.substr(begin, end - begin);
    if (is_terminal(answers_fd())) line = escaped_controls(line);
    text += (line.starts_with('+') ? green(line) : line.starts_with('-') ? red(line) : line) + "\n";
    begin = end + 1;
  }
  return text;
}

std::string show_files(const View &files) {
  std::string text;
  for (size_t i = 0; i < files.size(); ++i) {
    const View f = files[i];
    const char *what = f.at("before").is_nil() ? "added    " : f.at("after").is_nil() ? "removed  " : "changed  ";
    text += bold(what + shown(f.at("path").text())) + "\n";
    text += coloured(f.at("diff").text());
    if (!f.at("note").text().empty()) {
      text += "  " + shown(f.at("note").text()) + "\n";
    } else if (f.at("diff").is_nil()) {
      text += "  " + size_or_none(f.at("before")) + " -> " + size_or_none(f.at("after")) + " bytes\n";
    }
  }
  return text;
}

std::string distance_of(const View &t) {
  const double others = t.at("not_comparable").number();
  const std::string kinds = t.at("not_comparable").json() + " NaN or infinite on one side";
  if (t.at("max_abs").number() == 0 && t.at("max_abs").text().empty()) {
    return others > 0 ? "differs: " + kinds : "differs in its bytes";
  }
  return "differs by at most " + short_number(t.at("max_abs")) + ", mean " + short_number(t.at("mean_abs")) +
         ", relative norm " + short_number(t.at("relative_norm")) + (others > 0 ? "; " + kinds : "");
}

std::string side_of(const View &side) {
  return side.is_nil() ? "-" : shown(side.at("dtype").text()) + " " + side.at("shape").json();
}

std::string show_tensors(const View &tensors) {
  std::string text;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const View t = tensors[i];
    text += "tensor   " + padded(shown(t.at("file").text() + ": " + t.at("name").text()), 48);
    if (t.at("max_abs").is_nil()) {
      text += side_of(t.at("before")) + " -> " + side_of(t.at("after")) + "\n";
    } else {
      text += distance_of(t) + "\n";
    }
  }
  return text;
}

// TOML has no null: it is a parameter that is not there.
std::string param_side(const View &v) { return v.is_nil() ? "-" : shown(v.json()); }

std::string show_diff(const View &d) {
  std::string text;
  const View params = d.at("params");
  for (size_t i = 0; i < params.size(); ++i) {
    text += "param    " + padded(shown(params[i].at("key").text()), 32) + param_side(params[i].at("before")) + " -> " +
            param_side(params[i].at("after")) + "\n";
  }
  text += show_files(d.at("files")) + show_tensors(d.at("tensors"));
  for (const char *side : {"added", "removed"}) {
    const View operations = d.at("operations").at(side);
    for (size_t i = 0; i < operations.size(); ++i)
      text += std::string("operation ") + side + " " + shown(operations[i].text()) + "\n";
  }
  const View notes = d.at("notes");
  for (size_t i = 0; i < notes.size(); ++i) text += "note: " + shown(notes[i].text()) + "\n";
  return text;
}

}  // namespace

int commit(std::vector<std::string> args) {
  std::string bundle, folder, message, author, time;
  bool update_std = false;
  RunOptions run;
  CommandLine app(
      "Adds a folder's state to a .mb file as its next revision; weights that did not change are kept once.", "commit");
  app.add_option("BUNDLE", bundle, "a .mb file").required();
  app.add_option("DIR", folder, "the bundle's folder, as it is to be from now on").required();
  app.add_option("-m,--message", message, "what changed and why").required().type_name("MSG");
  app.add_option("--author", author, "who changed it (kept in the file)");
  app.add_option("--time", time, "when, as 2026-01-31T12:00:00Z (kept in the file)");
  app.add_flag("--update-std", update_std, "take std modules anew where the folder has std/");
  app.add_option("--plugin", run.plugins, "load a plugin's file").one_at_a_time().type_name("FILE");
  return parse_and_run(app, std::move(args), [&] {
    if (message.empty()) throw mrun::failure(MRUN_USAGE, "--message is empty; say what changed and why");
    if (const BundleName parts = split_revision(bundle); !parts.revision.empty()) {
      throw mrun::failure(MRUN_USAGE, bundle + ": a commit follows the newest revision; give " + parts.path);
    }
    run.load_plugins();
    const mrun::variant options = commit_options(author, time, update_std);
    const auto committed = [&](char **s, mrun_error *e) {
      return mrun_commit(bundle.c_str(), folder.c_str(), message.c_str(), &options.c(), s, e);
    };
    const std::string report = naming_nearby(bundle, [&] {
      return naming_nearby(
          folder, [&] { return telling_left_out(folder, committed); }, Nearby::folders);
    });
    const mrun::variant parsed = mrun::from_json(report);
    const View r{&parsed.c()};
    warn_left_out(r.at("left_out"));
    print(shown(bundle) + ": revision " + r.at("number").json() + ", " + show_size(r.at("size").number()) + " (" +
          by_how_much(r.at("grown").number()) + ")\ndigest " + r.at("digest").text() + "\n");
    return int(ok);
  });
}

int log(std::vector<std::string> args) {
  std::string name;
  bool stat = false, json = false;
  CommandLine app("Lists the revisions of a .mb file, newest first.", "log");
  app.add_option("BUNDLE", name, "a .mb file; model.mb@2 begins at revision 2").required();
  app.add_flag("--stat", stat, "the files that changed, with their sizes");
  app.add_flag("--json", json, "as JSON");
  return parse_and_run(app, std::move(args), [&] {
    const mrun::bundle bundle = open_bundle(name);
    const std::string text =
        mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_log(bundle.raw(), s, e); });
    print(json ? text + "\n" : show_log({&mrun::from_json(text).c()}, stat));
    return int(ok);
  });
}

int diff(std::vector<std::string> args) {
  std::string a, b;
  bool json = false;
  CommandLine app("Compares two bundles, revisions or folders. Exit status 0: equal, 1: they differ.", "diff");
  app.add_option("A", a, "a .mb file, FILE.mb@REV or a folder").required();
  app.add_option("B", b, "what to compare it with, likewise").required();
  app.add_flag("--json", json, "as JSON");
  return parse_and_run(app, std::move(args), [&] {
    const mrun::bundle before = open_bundle(a), after = open_bundle(b);
    const std::string text = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_diff(before.raw(), after.raw(), s, e); });
    const mrun::variant parsed = mrun::from_json(text);
    const View d{&parsed.c()};
    print(json ? text + "\n" : show_diff(d));
    return d.at("equal").flag() ? int(ok) : int(some_failed);
  });
}

}  // namespace command
