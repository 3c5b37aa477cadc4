// mrun rerun META: an answer again, by what --meta kept of it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "arguments.h"
#include "files.h"
#include "meta.h"
#include "options.h"
#include "report.h"
#include "standard_output.h"
#include "subcommands.h"

namespace command {
namespace {

struct Options {
  std::string meta, bundle, item, save;
  std::vector<std::string> inputs;
  RunOptions run;
};

[[noreturn]] void refuse(const std::string &why) { throw mrun::failure(MRUN_USAGE, "META: " + why); }

std::string text_of(const std::string &file) {
  try {
    return read_file(file);
  } catch (const mrun::failure &e) { refuse(std::string(e.what()) + "; want a file with what `mrun --meta` printed"); }
}

// The documents of a file: one, pretty or not, or one a line.
std::vector<mrun::variant> documents(const std::string &file) {
  const std::string text = text_of(file);
  std::vector<mrun::variant> all;
  try {
    all.push_back(mrun::from_json(text));
    return all;
  } catch (const mrun::failure &) {}
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    try {
      if (end > begin) all.push_back(mrun::from_json(std::string_view(text).substr(begin, end - begin)));
    } catch (const mrun::failure &e) { refuse(file + ": " + e.what() + "; want what `mrun --meta` printed"); }
    begin = end + 1;
  }
  if (all.empty()) refuse(file + ": is empty; want a line that `mrun --meta` printed");
  return all;
}

// {"answer", "meta"} as --meta prints it, or its meta alone.
View meta_of(const mrun::variant &document) {
  const View whole{&document.c()}, meta = whole.at("meta");
  return meta.is_nil() ? whole : meta;
}

mrun::variant choose(std::vector<mrun::variant> all, const std::string &item) {
  if (item.empty() && all.size() == 1) return std::move(all[0]);
  if (item.empty()) refuse("there are " + std::to_string(all.size()) + " answers in it; --item N says which");
  for (mrun::variant &document : all) {
    if (meta_of(document).at("item").json() == item) return std::move(document);
  }
  refuse("there is no answer of item " + item + " in it");
}

// The last of `files` is for a field that META has, and the only one for it.
void want_field(const View &fields, const std::vector<std::pair<std::string, std::string>> &files) {
  const std::string &name = files.back().first;
  const auto same = [&](const auto &file) { return file.first == name; };
  if (std::count_if(files.begin(), files.end(), same) > 1)
    throw mrun::failure(MRUN_USAGE, "--input " + printable(name) + ": the field is given twice");
  if (mrun_get(fields.v, name.c_str()) != nullptr) return;
  std::string known;
  for (size_t i = 0; i < fields.size(); ++i) known += (i == 0 ? "" : ", ") + shown(fields.key(i));
  throw mrun::failure(MRUN_USAGE, "--input " + printable(name) + ": the record has no such field; there are: " + known);
}

// `fields`: of a record, else nil.
std::vector<std::pair<std::string, std::string>> files_of(const std::vector<std::string> &inputs, const View &fields) {
  const bool record = !fields.is_nil();
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string &given : inputs) {
    const size_t equals = given.find('=');
    if (!record) {
      if (!files.empty()) throw mrun::failure(MRUN_USAGE, "--input " + printable(given) + ": there is one input");
      files.emplace_back("", given);
    } else if (equals == std::string::npos) {
      throw mrun::failure(MRUN_USAGE, "--input " + given + ": the input is a record: want FIELD=FILE");
    } else {
      files.emplace_back(given.substr(0, equals), given.substr(equals + 1));
      want_field(fields, files);
    }
  }
  return files;
}

// The revision that answered: the newest of the file, or an earlier one where a commit came after it.
mrun::bundle open_same(const View &bundle, const std::string &elsewhere) {
  const std::string digest = bundle.at("digest").text(),
                    path = elsewhere.empty() ? bundle.at("path").text() : elsewhere;
  if (digest.empty()) {
    refuse("the answer came from a folder, " + shown(path) +
           ", which has no digest: nothing shows that it is the same still");
  }
  if (path.empty()) refuse("the bundle was not opened by a path; --bundle FILE says where it is");
  mrun::bundle newest = open_bundle(path);
  if (newest.digest() == digest) return newest;
  try {
    return open_bundle(path + "@" + digest);
  } catch (const mrun::failure &) {}
  const std::string is = newest.digest().empty() ? "a folder" : "digest " + newest.digest();
  throw mrun::failure(MRUN_VERIFY, path + ": is not the bundle that answered: want digest " + digest + ", this is " +
                                       is + (elsewhere.empty() ? "; --bundle FILE says where it is now" : ""));
}

// The options as they were; what only bounds a run (time, memory) is the caller's.
void set_options(mrun_options &options, const View &meta, std::string &device) {
  device = meta.at("device").text();
  options.seed = static_cast<uint64_t>(meta.at("seed").v->as.integer);
  options.threads = static_cast<int32_t>(meta.at("threads").number());
  options.device = device.c_str();
  options.params = meta.at("params").v;
  options.one_shot = meta.at("one_shot").flag() ? 1 : 0;
}

void check(const View &meta) {
  if (mrun_get(meta.v, "item") != nullptr && meta.at("input").is_nil()) {
    refuse("that item's input could not be read, so there is nothing to run again");
  }
  if (meta.v->kind != MRUN_MAP || meta.at("bundle").v->kind != MRUN_MAP || meta.at("input").v->kind != MRUN_MAP) {
    refuse("want what `mrun --meta` printed: an object with \"bundle\" and \"input\"");
  }
  for (const char *key : {"item", "seed", "threads"}) {
    if (meta.at(key).v->kind != MRUN_INT) refuse(std::string("\"") + key + "\" must be an integer");
  }
  constexpr double most_threads = 1024;  // one would not come back from more
  if (meta.at("threads").number() < 0 || meta.at("threads").number() > most_threads) {
    refuse("\"threads\" must be from 0 to 1024");
  }
  if (meta.at("device").v->kind != MRUN_STRING) refuse("\"device\" must be a text");
  for (const char *key : {"path", "digest"}) {
    const uint32_t kind = meta.at("bundle").at(key).v->kind;
    if (kind != MRUN_STRING && kind != MRUN_NIL) refuse(std::string("\"") + key + "\" must be a text or null");
  }
  if (meta.at("bundle").at("path").is_nil() && meta.at("bundle").at("digest").is_nil())
    refuse("\"bundle\" has neither \"path\" nor \"digest\": want what `mrun --meta` printed");
  if (meta.at("params").v->kind != MRUN_MAP) refuse("\"params\" must be an object");
}

std::string versions_then_and_now(const View &then, const mrun::engine &engine, uint64_t item) {
  const mrun::variant now = mrun::from_json(
      mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_meta(engine.raw(), item, s, e); }));
  const std::string before = then.at("versions").json(), after = View{&now.c()}.at("versions").json();
  return before == after ? "the versions are the same" : "versions then " + before + ", now " + after;
}

void print_answer(const mrun_result &result, const std::string &save, uint64_t item) {
  std::string text;
  if (result.code != MRUN_OK) {
    text = error_json(result);
  } else if (save.empty()) {
    text = result.json;
  } else {
    text = mrun::host_detail::string_of([&](char **s, mrun_error *e) {
      return mrun_save_json(&result.answer, save.c_str(), std::to_string(item).c_str(), s, e);
    });
  }
  if (is_terminal(answers_fd())) text = mrun::from_json(text).json(2);
  print(text + "\n");
}

int rerun_one(const Options &o) {
  o.run.load_plugins();
  const mrun::variant document = choose(documents(o.meta), o.item);
  const View meta = meta_of(document), before = View{&document.c()}.at("answer");
  check(meta);
  const mrun::bundle bundle = open_same(meta.at("bundle"), o.bundle);
  const View input = meta.at("input");
  const mrun::variant value = input_again(input, bundle, files_of(o.inputs, input.at("fields")));
  EngineOptions options(o.run, bundle);
  std::string device;
  set_options(*options.get(), meta, device);
  const mrun::engine engine = start(bundle, options.get());
  mrun_item how;
  MRUN_INIT(how);
  how.number = static_cast<uint64_t>(meta.at("item").v->as.integer);
  how.numbered = 1;
  how.json = o.save.empty() ? 1 : 0;
  mrun::result result;
  mrun_run(engine.raw(), &value.c(), &how, result.raw());
  mrun_error error{};  // compared before --save can write over the files that META names
  const bool known = result && mrun_get(&document.c(), "answer") != nullptr;
  const int code = known ? mrun_same_answer(bundle.raw(), before.v, &result.answer(), &error) : MRUN_OK;
  const std::string message = error.message == nullptr ? "" : error.message;
  mrun_error_free(&error);
  print_answer(*result.raw(), o.save, how.number);
  if (!result) return some_failed;
  if (code == MRUN_OK) return ok;
  return report(code,
                "not the answer that is in META: " + message + "; " + versions_then_and_now(meta, engine, how.number));
}

}  // namespace

int rerun(std::vector<std::string> args) {
  Options o;
  CommandLine app(
      "Gives an answer again by what --meta kept of it: the same revision of the same bundle, the same input, "
      "parameters, seed and item number. Exit status 0: the same answer, 4: another one, or the bundle or the input is "
      "not what it was.",
      "rerun");
  app.add_option("META", o.meta, "a file with what `mrun BUNDLE INPUT --meta` printed (- is standard input)")
      .required();
  app.add_option("--item", o.item, "which answer, where the file has several").type_name("N");
  app.add_option("--bundle", o.bundle, "where the bundle is now (default: where it was)").type_name("FILE");
  app.add_option("--input", o.inputs, "where the input's file is now; FIELD=FILE of a record (repeatable)")
      .one_at_a_time()
      .type_name("FILE");
  app.add_option("--save", o.save, "bytes and large tensors of the answer become files in DIR").type_name("DIR");
  o.run.add_limits_to(app);
  return parse_and_run(app, std::move(args), [&] { return rerun_one(o); });
}

}  // namespace command
