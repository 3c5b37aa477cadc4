// mrun BUNDLE INPUT…: answers.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "arguments.h"
#include "files.h"
#include "inputs.h"
#include "left_out.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "standard_output.h"
#include "subcommands.h"
#include "timings.h"
#include "view.h"

namespace command {
namespace {

std::atomic<bool> interrupt_asked{false};
void on_interrupt(int) {
  if (interrupt_asked.exchange(true)) _exit(interrupted);  // the second one ends at once
}

struct Options {
  std::string bundle, output, save;
  InputOptions inputs;
  RunOptions run;
  bool stream = false, fail_fast = false, timings = false, no_progress = false, verify = false, meta = false;
};

void add_options(CLI::App &app, Options &o) {
  app.add_option("BUNDLE", o.bundle, "a .mb file or a folder; model.mb@2 is its revision 2")->required();
  add_input_options(app, o.inputs);
  app.add_option("-o,--output", o.output, "write the answers to FILE; it appears when it is whole")->type_name("FILE");
  app.add_option("--save", o.save, "bytes and large tensors of answers become files in DIR")->type_name("DIR");
  app.add_flag("--stream", o.stream, "print what scripts emit() before their answer");
  app.add_flag("--fail-fast", o.fail_fast, "stop at the first item that fails");
  app.add_flag("--timings", o.timings, "a summary of each stage's time on standard error");
  app.add_flag("--no-progress", o.no_progress, "no progress line");
  app.add_flag("--meta", o.meta, "with each answer all that is needed to give it again (mrun rerun)");
  app.add_flag("--verify", o.verify, "check all hashes and examples before answering");
  o.run.add_to(app);
}

// One run of inputs through an engine. The engine's threads call back: what they touch is atomic or locked.
class Run {
 public:
  Run(const Options &o, const mrun::bundle &bundle, mrun::engine &engine, Output &output, bool pretty,
      Progress &progress)
      : o_(o), bundle_(bundle), engine_(engine), output_(output), pretty_(pretty), progress_(progress) {}

  // Returns the exit status.
  int all(Inputs &inputs) {
    uint64_t number = 0;
    for (; !stopping(); ++number) {
      std::optional<Input> input = inputs.next();
      if (!input) break;
      output_.wait_for_room(number, 4096);
      if (input->error) {
        fail_item(number, *input);
      } else {
        submit(number, *input);
      }
    }
    if (interrupt_asked) return interrupted;
    while (done_ < submitted_ && !interrupt_asked && !output_.failed() && !output_.ended()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(done_ == 0 ? 1 : 5));
    }
    return interrupt_asked ? interrupted : status();
  }
  // The single input of a call, in this thread.
  int one(Inputs &inputs) {
    std::optional<Input> input = inputs.next();
    if (!input) return ok;
    if (input->error) {
      fail_item(0, *input);
      return status();
    }
    Item item{this, 0, std::move(input->name), std::move(input->description)};
    mrun_item how = item_options(item);
    mrun::result result;
    mrun_run(engine_.raw(), &input->value.c(), &how, result.raw());
    finish(item, *result.raw());
    if (!result && is_terminal(STDERR_FILENO)) show_source(result.raw()->error);
    return status();
  }

 private:
  struct Item {
    Run *run;
    uint64_t number;
    std::string name, description;  // of the input: its file, and for --meta
  };

  bool stopping() const { return interrupt_asked || output_.failed() || (o_.fail_fast && failed_ > 0); }
  int status() const { return unsaved_ ? no_output : failed_ > 0 ? some_failed : ok; }

  mrun_item item_options(Item &item) const {
    mrun_item how;
    MRUN_INIT(how);
    how.number = item.number;
    how.numbered = 1;
    how.json = o_.save.empty() ? 1 : 0;
    if (o_.stream) {
      how.emit = [](void *user, const mrun_value *partial) {
        static_cast<Item *>(user)->run->emit(*static_cast<Item *>(user), *partial);
      };
      how.emit_user = &item;
    }
    return how;
  }

  void submit(uint64_t number, Input &input) {
    auto item = std::make_unique<Item>(Item{this, number, std::move(input.name), std::move(input.description)});
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
    if (code != MRUN_OK) return;
    item.release();
    ++submitted_;
  }

  void emit(const Item &item, const mrun_value &partial) {
    char *json = nullptr;
    if (mrun_to_json(&partial, 0, &json, nullptr) != MRUN_OK) return;
    const std::unique_ptr<char, void (*)(void *)> owner(json, mrun_free);
    output_.put_now("{\"item\":" + std::to_string(item.number) + ",\"partial\":" + json + "}\n");
  }

  // The answer or the error as compact JSON.
  std::string json_of(const Item &item, mrun_result &r) {
    if (r.code != MRUN_OK) return error_json(r, item.name);
    if (o_.save.empty()) return r.json;
    try {
      return mrun::host_detail::string_of([&](char **s, mrun_error *e) {
        return mrun_save_json(&r.answer, o_.save.c_str(), std::to_string(item.number).c_str(), s, e);
      });
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

  void finish(const Item &item, mrun_result &r) {
    const std::string text = text_of(item, r);
    put(item.number, text, r.code == MRUN_OK);
  }

  void fail_item(uint64_t number, const Input &input) {
    const std::string error = error_json(input.error->code, "input", input.error->what(), input.name);
    put(number, o_.meta ? with_meta({this, number, "", ""}, error, false) : error, false);
  }

  void put(uint64_t number, const std::string &text, bool answered) {
    progress_.count(answered);
    if (!answered) {
      ++failed_;
      if (o_.fail_fast) output_.end_at(number);
    }
    output_.put(number, text + "\n");
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
  const mrun::bundle &bundle_;
  mrun::engine &engine_;
  Output &output_;
  const bool pretty_;
  Progress &progress_;
  std::atomic<uint64_t> submitted_{0}, done_{0}, failed_{0};
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

int answer(const Options &o) {
  o.run.load_plugins();
  const mrun::bundle bundle = open_bundle(o.bundle);
  if (o.run.log_level != "error") warn_left_out(bundle);
  InputOptions given = o.inputs;
  given.describe = o.meta;
  Inputs inputs(given, bundle);
  EngineOptions options(o.run, bundle);
  if (o.verify) {
    if (const int status = verify_first(bundle, options); status != ok) return status;
  }
  options.get()->one_shot = inputs.single() ? 1 : 0;
  if (!inputs.single() && options.get()->workers == 0) {
    options.get()->workers = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  }
  Output output(o.output);
  mrun::engine engine(bundle, options.get());
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGPIPE, SIG_IGN);
  const bool pretty = inputs.single() && o.output.empty() && is_terminal(answers_fd());
  Progress progress(!o.no_progress && !inputs.single() && is_terminal(STDERR_FILENO));
  Run run(o, bundle, engine, output, pretty, progress);
  const int status = inputs.single() ? run.one(inputs) : run.all(inputs);
  if (o.timings) print_timings(engine);
  { const mrun::engine ended(std::move(engine)); }  // every callback has returned before `run` goes
  progress.end();
  output.finish();
  return status;
}

}  // namespace

int run(std::vector<std::string> args) {
  Options o;
  CLI::App app("Answers inputs: one JSON document a line, in the order of the inputs.", "run");
  add_options(app, o);
  return parse_and_run(app, std::move(args), [&] { return answer(o); });
}

}  // namespace command
