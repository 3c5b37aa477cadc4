// mrun BUNDLE INPUT…: answers.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "arguments.h"
#include "files.h"
#include "inputs.h"
#include "interrupt.h"
#include "left_out.h"
#include "meta.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "shard.h"
#include "standard_output.h"
#include "stop_at_interrupt.h"
#include "subcommands.h"
#include "timings.h"
#include "trace_file.h"
#include "view.h"

namespace command {
namespace {

struct Options {
  std::string bundle, output, save, shard, trace;
  InputOptions inputs;
  RunOptions run;
  Trust trust;
  bool resume = false, stream = false, fail_fast = false, timings = false, no_progress = false, verify = false,
       meta = false;
};

void add_options(CommandLine &app, Options &o) {
  app.add_option("BUNDLE", o.bundle, "a .mb file or a folder; model.mb@2 is its revision 2").required();
  add_input_options(app, o.inputs);
  app.add_option("-o,--output", o.output, "write the answers to FILE; it appears when it is whole (-: standard output)")
      .type_name("FILE");
  app.add_option("--save", o.save, "bytes and large tensors of answers become files in DIR").type_name("DIR");
  app.add_flag("--stream", o.stream, "print what scripts emit() before their answer");
  app.add_option("--shard", o.shard, "I/N: every N-th input from the I-th on; auto: as the scheduler says")
      .type_name("I/N");
  app.add_flag("--resume", o.resume, "go on where a run with the same -o FILE was interrupted");
  app.add_flag("--fail-fast", o.fail_fast, "stop at the first item that fails");
  app.add_flag("--timings", o.timings, "a summary of each stage's time on standard error");
  app.add_option("--trace", o.trace, "write what ran when to FILE, for Perfetto or chrome://tracing").type_name("FILE");
  app.add_flag("--no-progress", o.no_progress, "no progress line");
  app.add_flag("--meta", o.meta, "with each answer all that is needed to give it again (mrun rerun)");
  app.add_flag("--verify", o.verify, "check all hashes and examples before answering");
  app.add_flag("--require-signature", o.trust.require, "run nothing that is not signed by --key or --trust");
  o.trust.add_to(app);
  o.run.add_to(app);
}

// One run of inputs through an engine. The engine's threads call back: what they touch is atomic or locked.
class Run {
 public:
  Run(const Options &o, const mrun::bundle &bundle, mrun::engine &engine, Output &output, bool pretty,
      Progress &progress)
      : o_(o),
        shard_(parse_shard(o.shard)),
        bundle_(bundle),
        engine_(engine),
        output_(output),
        pretty_(pretty),
        progress_(progress) {}

  // Returns the exit status.
  int all(Inputs &inputs) {
    uint64_t place = 0;  // among this shard's
    for (uint64_t number = 0; !stopping(); ++number) {
      if (!shard_.has(number) || place < output_.resumed()) {
        if (!inputs.skip()) break;
        if (shard_.has(number)) ++place;
        continue;
      }
      std::optional<Input> input = inputs.next();
      if (!input || interrupt_asked()) break;
      output_.wait_for_room(place, 4096);
      if (input->error) {
        fail_item({this, number, place, input->name, ""}, *input->error);
      } else {
        submit(number, place, *input);
      }
      ++place;
    }
    if (interrupt_asked()) return interrupted;
    if (!stopping() && place < output_.resumed()) {
      throw mrun::failure(MRUN_USAGE, o_.output + ": more answers are kept, " + std::to_string(output_.resumed()) +
                                          ", than there are inputs, " + std::to_string(place) +
                                          ": something else has written there");
    }
    mrun_end(engine_.raw());
    while (done_ < submitted_ && !interrupt_asked() && !output_.failed() && !output_.ended()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(done_ == 0 ? 1 : 5));
    }
    return interrupt_asked() ? interrupted : status();
  }
  // The single input of a call, in this thread.
  int one(Inputs &inputs) {
    std::optional<Input> input = inputs.next();
    if (interrupt_asked()) return interrupted;
    if (!input || !shard_.has(0)) return ok;
    if (input->error) {
      fail_item({this, 0, 0, input->name, ""}, *input->error);
      return status();
    }
    Item item{this, 0, 0, std::move(input->name), std::move(input->description)};
    mrun_item how = item_options(item);
    mrun::result result;
    {
      const StopAtInterrupt stop(engine_);
      mrun_run(engine_.raw(), &input->value.c(), &how, result.raw());
    }
    if (interrupt_asked()) return interrupted;
    finish(item, *result.raw());
    if (!result && is_terminal(STDERR_FILENO)) show_source(result.raw()->error);
    return status();
  }

  uint64_t unread() const { return unread_; }  // inputs

 private:
  struct Item {
    Run *run;
    uint64_t number, place;         // in the whole work, in the output
    std::string name, description;  // of the input: its file, and for --meta
    uint64_t partials = 0;          // that it has emitted
  };

  bool stopping() const { return interrupt_asked() || output_.failed() || (o_.fail_fast && failed_ > 0); }
  int status() const { return unsaved_ ? no_output : failed_ + output_.resumed_failures() > 0 ? some_failed : ok; }

  mrun_item item_options(Item &item) const {
    mrun_item how;
    MRUN_INIT(how);
    how.number = item.number;
    how.numbered = 1;
    how.json_only = o_.save.empty() ? 1 : 0;
    if (o_.stream) {
      how.emit = [](void *user, const mrun_value *partial) {
        static_cast<Item *>(user)->run->emit(*static_cast<Item *>(user), *partial);
      };
      how.emit_user = &item;
    }
    return how;
  }

  void submit(uint64_t number, uint64_t place, Input &input) {
    auto item = std::make_unique<Item>(Item{this, number, place, std::move(input.name), std::move(input.description)});
    const mrun_item how = item_options(*item);
    const mrun_done done = [](void *user, mrun_result *r) {
      const std::unique_ptr<Item> owned(static_cast<Item *>(user));
      owned->run->finish(*owned, *r);
      ++owned->run->done_;
    };
    int code = MRUN_TIMEOUT;
    while (code == MRUN_TIMEOUT && !stopping()) {  // short waits, so that an interrupt is seen
      code = mrun_submit(engine_.raw(), &input.value.c(), &how, 0.1, done, item.get(), nullptr);
    }
    if (code == MRUN_TIMEOUT) return;
    if (code != MRUN_OK) {
      const char *const said = mrun_last_error()->message;
      return fail_item(*item, {code, said != nullptr ? said : mrun_code_name(code)});
    }
    item.release();
    ++submitted_;
  }

  // As JSON, with --save the bytes and large tensors in files.
  std::string json_of(const mrun_value &value, const std::string &files) const {
    return mrun::host_detail::string_of([&](char **s, mrun_error *e) {
      return o_.save.empty() ? mrun_to_json(&value, 0, s, e)
                             : mrun_save_json(&value, o_.save.c_str(), files.c_str(), s, e);
    });
  }

  void emit(Item &item, const mrun_value &partial) {
    const std::string number = std::to_string(item.number);
    try {
      const std::string json = json_of(partial, number + "-partial-" + std::to_string(++item.partials));
      output_.put_now("{\"item\":" + number + ",\"partial\":" + json + "}\n");
    } catch (const mrun::failure &e) {
      if (e.code == MRUN_IO) unsaved_ = true;
      warn("item " + number + ": a partial answer is left out: " + e.what());
    }
  }

  // The answer or the error as compact JSON.
  std::string json_of(const Item &item, mrun_result &r) {
    if (r.code != MRUN_OK) return error_json(r, item.name);
    if (o_.save.empty()) return r.json;
    try {
      return json_of(r.answer, std::to_string(item.number));
    } catch (const mrun::failure &e) {
      r.code = e.code;
      if (e.code == MRUN_IO) unsaved_ = true;
      return error_json(e.code, "postprocess", e.what(), item.name);
    }
  }

  // {"answer": …, "meta": {…}}; a failed item is {"error": {…}, "meta": {…}}.
  std::string with_meta(const Item &item, const std::string &json, bool answered) const {
    std::string meta = mrun::host_detail::string_of(
        [&](char **s, mrun_error *e) { return mrun_meta(engine_.raw(), item.number, s, e); });
    meta.back() = ',';
    meta += "\"input\":" + (item.description.empty() ? "null" : item.description) + "}";
    const std::string first = answered ? "\"answer\":" + json : json.substr(1, json.size() - 2);
    return "{" + first + ",\"meta\":" + meta + "}";
  }

  std::string text_of(const Item &item, mrun_result &r) {
    const std::string text = json_of(item, r);
    if (o_.meta) {
      const std::string whole = with_meta(item, text, r.code == MRUN_OK);
      return pretty_ ? mrun::from_json(whole).json(2) : whole;
    }
    return pretty_ && r.code == MRUN_OK ? mrun::from_json(text).json(2) : text;
  }

  // After an interrupt nothing counts any more: the same signal may have ended the worker process.
  void finish(const Item &item, mrun_result &r) {
    if (interrupt_asked()) return;
    std::string text;
    try {
      text = text_of(item, r);
    } catch (const mrun::failure &e) {  // left to the engine, the item would be waited for without end
      r.code = e.code;
      text = error_json(e.code, "engine", e.what(), item.name);
    }
    put(item, text, r.code == MRUN_OK);
  }

  void fail_item(const Item &item, const mrun::failure &e) {
    ++unread_;
    const std::string error = error_json(e.code, "input", e.what(), item.name);
    put(item, o_.meta ? with_meta(item, error, false) : error, false);
  }

  void put(const Item &item, const std::string &text, bool answered) {
    progress_.count(answered);
    if (!answered) {
      ++failed_;
      if (o_.fail_fast) output_.end_at(item.place);
    }
    output_.put(item.place, text + "\n");
  }

  // The line of the script that failed, for a person.
  static void show_source(const mrun_error &error) {
    if (error.detail == nullptr) return;
    const mrun::variant detail = mrun::from_json(error.detail);
    const View at{&detail.c()};
    std::string source = at.at("source").text();
    source.erase(0, source.find_first_not_of(" \t"));
    if (source.empty()) return;
    std::fprintf(stderr, "%s:%.0f: %s\n", shown(at.at("script").text()).c_str(), at.at("line").number(),
                 shown(source).c_str());
  }

  const Options &o_;
  const Shard shard_;
  const mrun::bundle &bundle_;
  mrun::engine &engine_;
  Output &output_;
  const bool pretty_;
  Progress &progress_;
  std::atomic<uint64_t> submitted_{0}, done_{0}, failed_{0}, unread_{0};
  std::atomic<bool> unsaved_{false};  // an answer's files could not be written
};

// The examples were recorded with the parameters of bundle.toml and the default seed.
int verify_first(const mrun::bundle &bundle, const EngineOptions &options) {
  mrun_options as_recorded = options.c();
  as_recorded.params = nullptr;
  as_recorded.seed = 0;
  mrun_error error{};
  const int code = mrun_verify(bundle.raw(), &as_recorded, nullptr, nullptr, &error);
  const std::string message = error.message != nullptr ? error.message : "";
  mrun_error_free(&error);
  if (code == MRUN_OK) return ok;
  return report(code, message);
}

// The user's own plugins, by content: those of --plugin and of MRUN_PLUGIN_PATH.
std::string plugins_of(const Options &o) {
  std::string all;
  for (const std::string &p : o.run.plugins) all += "plugin " + sha256(read_file(p)) + '\n';
  for (const std::string &folder : plugin_path()) {
    std::vector<std::string> found;
    std::error_code unknown;
    for (const auto &file : std::filesystem::directory_iterator(folder, unknown)) {
      const std::string &path = file.path().native();
      if (path.ends_with(".so") && access(path.c_str(), R_OK) == 0) found.push_back(path);
    }
    std::sort(found.begin(), found.end());
    for (const std::string &p : found) all += "plugin " + sha256(read_file(p)) + '\n';
  }
  return all;
}

// All that the answers of a run depend on, as JSON.
std::string identity_of(const Options &o, const mrun::bundle &bundle, const Inputs &inputs) {
  const std::string list = inputs.identity();
  if (list.empty() || inputs.single()) return "";
  std::string code = mrun_digest(bundle.raw());
  if (code.empty()) code = folder_digest(bundle, split_revision(o.bundle).path);
  const Shard shard = parse_shard(o.shard);  // what "auto" stands for differs from job to job
  std::string given = plugins_of(o);
  std::vector<std::string> params = o.run.params;
  std::sort(params.begin(), params.end());  // each is given once, in any order
  for (const std::string &p : params) given += p + '\n';
  const std::string text = given + "seed " + std::to_string(o.run.seed) + "\nshard " + std::to_string(shard.index) +
                           "/" + std::to_string(shard.count) + "\nbatch " + std::to_string(o.run.batch_size) +
                           "\nthreads " + std::to_string(std::max(o.run.threads, 1)) + "\ndevice " + o.run.device +
                           "\nsave " + o.save + (o.meta ? "\nmeta" : "") + (o.run.exact ? "\nexact" : "");
  return "{\"bundle\":\"" + code + "\",\"inputs\":\"" + list + "\",\"options\":\"" + sha256(text) + "\"}";
}

OutputOptions output_options(const Options &o, const mrun::bundle &bundle, const Inputs &inputs) {
  OutputOptions out{o.output, o.output.empty() || o.stream ? "" : identity_of(o, bundle, inputs), o.resume};
  if (!o.resume) return out;
  if (o.output.empty()) throw mrun::failure(MRUN_USAGE, "--resume: want -o FILE, the output to go on with");
  if (o.stream)
    throw mrun::failure(MRUN_USAGE, "--resume: partial answers cannot be told from answers: leave --stream out");
  if (out.identity.empty()) {
    throw mrun::failure(MRUN_USAGE, "--resume: want many inputs from arguments, a folder or a file, not from a pipe");
  }
  return out;
}

// What is read is not to be gone when its answers appear, nor these when the trace does.
void want_other_files(const Options &o, const Inputs &inputs) {
  if (!o.output.empty() && !o.trace.empty()) {
    std::error_code unknown;
    const auto place = [&](const std::string &path) {
      return std::filesystem::weakly_canonical(std::filesystem::absolute(path, unknown), unknown);
    };
    const bool descriptor =
        descriptor_named(o.trace) || std::filesystem::is_other(std::filesystem::status(o.trace, unknown));
    if (!descriptor && place(o.output) == place(o.trace))
      throw mrun::failure(MRUN_USAGE, "--trace " + o.trace + ": is the output; give another file");
  }
  want_named("--trace", o.trace);
  for (const auto &[option, file] : {std::pair{"-o", &o.output}, {"--trace", &o.trace}}) {
    std::error_code unknown;
    if (file->empty() || !std::filesystem::is_regular_file(*file, unknown)) continue;
    want_apart(option, *file, o.bundle);
    if (inputs.come_from(*file))
      throw mrun::failure(MRUN_USAGE, std::string(option) + " " + *file + ": is one of the inputs; give another file");
  }
}

// How many this run is to answer; 0: not known.
uint64_t left_of(const Shard &shard, const Inputs &inputs, const Output &output) {
  const uint64_t all = shard.of(inputs.count().value_or(0));
  return all - std::min(all, output.resumed());
}

// What was answered is saved before the engine ends where that may take long, as after an interrupt. Returns what is left
// to do then.
std::function<void()> save(int status, const std::string &name, Output &output) {
  if (status != interrupted) return [&output] { output.finish(); };
  const bool appears = output.appears();
  std::string said;
  try {
    const Output::Rest rest = output.end_early();
    said = rest == Output::Rest::kept   ? "the same command with --resume goes on where it stopped"
           : rest == Output::Rest::file ? name + " holds the answers until then"
                                        : name + " would not be whole, so it is left as it was";
  } catch (const mrun::failure &e) {
    return [e] { throw e; };
  }
  return [appears, said] {
    if (appears) warn("interrupted: " + said);
  };
}

int answer(Options o) {
  if (o.output == "-") o.output.clear();
  parse_shard(o.shard);
  o.run.load_plugins();
  const mrun::bundle bundle = open_bundle(o.bundle, o.trust);
  if (o.run.log_level != "error") warn_left_out(bundle);
  InputOptions given = o.inputs;
  given.describe = o.meta;
  given.memory = o.run.memory;
  watch_interrupts();
  Inputs inputs(given, bundle);
  want_other_files(o, inputs);
  EngineOptions options(o.run, bundle);
  if (o.verify) {
    if (const int status = verify_first(bundle, options); status != ok) return status;
  }
  options.get()->one_shot = inputs.single() ? 1 : 0;
  options.get()->offline = !inputs.single() && inputs.complete() ? 1 : 0;
  TraceFile trace(o.trace);
  trace.add_to(*options.get());
  Progress progress(!o.no_progress && !inputs.single() && is_terminal(STDERR_FILENO));
  Output output(output_options(o, bundle, inputs), [&] { progress.erase(); });
  mrun::engine engine = start(bundle, options.get());
  warn_unused_device(o.run, bundle);
  progress.start(left_of(parse_shard(o.shard), inputs, output));
  std::signal(SIGPIPE, SIG_IGN);
  const bool pretty = inputs.single() && o.output.empty() && is_terminal(answers_fd());
  Run run(o, bundle, engine, output, pretty, progress);
  const int status = inputs.single() ? run.one(inputs) : run.all(inputs);
  const std::function<void()> leave = save(status, o.output, output);
  progress.erase();
  if (o.timings) print_timings(engine, run.unread());
  { const mrun::engine ended(std::move(engine)); }  // every callback has returned before `run` goes
  progress.end();
  leave();
  trace.finish();
  return status;
}

}  // namespace

int run(std::vector<std::string> args) {
  Options o;
  CommandLine app("Answers inputs: one JSON document a line, in the order of the inputs.", "run");
  add_options(app, o);
  return parse_and_run(app, std::move(args), [&] { return answer(o); });
}

}  // namespace command
