#include "isolate/worker/server.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "bundle/handed.h"
#include "isolate/shared_memory.h"
#include "isolate/worker/environment.h"
#include "value/map_tensors.h"

namespace mrun {
namespace {

constexpr const char *parent = "mrun";

WireReader reader_of(const Frame &frame) {
  Tensor beside;
  if (frame.beside > 0) beside = map_shared_memory(frame.fds.at(0).get(), frame.beside, parent);
  return {frame.payload, parent, std::move(beside)};
}

// An object is of this process alone: a stage's value (record, verify) leaves without it, where an answer with one fails.
Value without_objects(const Value &v) {
  return map_leaves(v, [](const Value &leaf) { return leaf.is_object() ? Value() : leaf; });
}

CodeProfile code_of(const Registry &registry) {
  CodeProfile profile;
  for (const Plugin *p : registry.loaded()) {
    if (p->path.empty()) continue;
    const PluginFile file = describe_plugin(p->path);
    profile.protect = profile.protect || !file.code.empty();
    profile.in_place = profile.in_place || file.code == "in place";
    profile.old_open = profile.old_open || file.old_open;
  }
  return profile;
}

}  // namespace

// ---- before the bundle

void Server::prepare() {
  const std::optional<Frame> frame = channel_.receive();
  if (!frame || frame->kind != Kind::prepare) fail(MRUN_PROTOCOL, "mrun-worker is started by mrun, not by hand");
  const Preparation p = decode_preparation(reader_of(*frame));
  Lockdown lockdown(p.lockdown);
  lockdown.begin();
  registry_ = std::make_unique<Registry>(p.folders);
  for (const std::string &file : p.files) registry_->load(file);
  for (const std::string &name : p.plugins) {
    try {
      registry_->plugin(name);
    } catch (const Error &) {
      if (p.all_needed) throw;
    }
  }
  Registry::Versions versions = registry_->versions();  // while files can be read
  const CodeProfile code = code_of(*registry_);
  forget_environment();
  lockdown.finish(code);
  channel_.send(Kind::locked, 0,
                encode(Locked{lockdown.levels(), std::move(versions.plugins), std::move(versions.libraries)}));
}

// ---- reading

void Server::serve() {
  redirect_log([this](LogLevel level, std::string_view text) {
    send_log(static_cast<int>(level), "engine", std::string(text));
  });
  start_thread("the worker process", [this] { serve_channel(); }).detach();  // the process ends with the channel
  serve_items();
}

void Server::serve_channel() {
  while (std::optional<Frame> frame = channel_.receive()) handle(*frame);
  ::_exit(0);  // the parent has gone; whatever runs ends
}

void Server::serve_items() {
  while (std::optional<Frame> frame = items_.receive()) {
    if (frame->kind != Kind::run && frame->kind != Kind::run_submitted)
      fail(MRUN_PROTOCOL, "mrun sent a message that is no item by itself");
    handle_item(*frame, frame->kind == Kind::run ? &Server::run : &Server::run_submitted);
  }
  ::_exit(0);
}

void Server::take_memory(Frame &frame) {
  const ExclusiveLock lock(mutex_);
  const auto at = wanted_.find(frame.id);
  if (at == wanted_.end()) return;
  at->second.set_value(frame.fds.empty() ? UniqueFd() : std::move(frame.fds.front()));
  wanted_.erase(at);
}

// ---- items

// What goes wrong with an item is its answer.
void Server::handle_item(Frame &frame, void (Server::*how)(Frame &)) {
  try {
    (this->*how)(frame);
  } catch (const Error &e) { send_error(Kind::result, frame.id, e); } catch (const std::exception &e) {
    send_error(Kind::result, frame.id, Error(MRUN_MEMORY, e.what()));
  }
}

void Server::handle(Frame &frame) {
  try {
    switch (frame.kind) {
      case Kind::files:
        for (UniqueFd &fd : frame.fds) files_.push_back(std::move(fd));
        break;
      case Kind::open: return open(frame);
      case Kind::submit: return handle_item(frame, &Server::submit);
      case Kind::end: return engine().end_input();
      case Kind::cancel: {
        engine().cancel_tagged(frame.id);  // one that is not there has been answered
        return;
      }
      case Kind::memory: return take_memory(frame);
      case Kind::statistics: return count();
      default: fail(MRUN_PROTOCOL, "mrun sent a message that is not for a worker");
    }
  } catch (const Error &e) { send_error(Kind::refused, frame.id, e); } catch (const std::exception &e) {
    send_error(Kind::refused, frame.id, Error(MRUN_MEMORY, e.what()));
  }
}

// The bundle has been opened before anything else is asked.
Engine &Server::engine() {
  const ExclusiveLock lock(mutex_);
  if (engine_ == nullptr) fail(MRUN_PROTOCOL, "mrun sent an item before a bundle");
  return *engine_;
}

std::shared_ptr<const Bundle> Server::open_bundle(const Opening &opening) {
  if (opening.entries.empty()) {
    if (files_.size() != 1) fail(MRUN_PROTOCOL, "mrun sent no bundle");
    OpenOptions how;
    how.revision = opening.revision;
    how.name = opening.name;
    return Bundle::open_fd(files_[0].get(), how);
  }
  if (files_.size() != opening.entries.size()) fail(MRUN_PROTOCOL, "mrun sent not all files of the bundle");
  std::map<std::string, UniqueFd, std::less<>> files;
  for (size_t i = 0; i < files_.size(); ++i) files.emplace(opening.entries[i], std::move(files_[i]));
  return std::make_shared<const Handed>(opening.name, std::move(files));
}

// What the parent does not take is lost: it is gone then.
void Server::send_log(int level, const std::string &stage, const std::string &text) {
  try {
    channel_.send(Kind::log, 0, WireWriter().integer(level).text(stage).text(text).finish());
  } catch (const Error &) {}
}

void Server::connect_log(EngineOptions &options, const Opening &opening) {
  if (opening.log) {
    options.log = [this](int level, const std::string &stage, const std::string &text) {
      send_log(level, stage, text);
    };
  }
  if (opening.trace) {
    options.trace = [this](const std::string &json) {
      channel_.send(Kind::trace, 0, WireWriter().text(json).finish());
    };
  }
}

void Server::open(const Frame &frame) {
  const Opening opening = decode_opening(reader_of(frame));
  EngineOptions options = opening.options;
  options.registry = registry_.get();
  options.watch = &activity_;
  options.bounded = true;  // by mrun's own queue: who reads the channel must not wait for room
  options.told = [this] { pass_on_answers(); };
  connect_log(options, opening);
  auto engine = std::make_unique<Engine>(open_bundle(opening), options);
  const auto block = static_cast<int64_t>(engine->facts().block);
  files_.clear();
  {
    const ExclusiveLock lock(mutex_);
    engine_ = std::move(engine);
  }
  channel_.send(Kind::opened, 0, WireWriter().integer(block).finish());
}

Work Server::work_of(Frame &frame) {
  SentWork sent = decode_work(reader_of(frame));
  frame.payload = Tensor();
  frame.fds.clear();
  const uint64_t id = sent.work.tag = frame.id;
  if (sent.emit) {
    sent.work.emit = [this, id](const Value &v) { send(Kind::partial, id, [&](WireWriter &out) { out.value(v); }); };
  }
  if (sent.observe) {
    sent.work.observe = [this, id](std::string_view stage, const Value &v) {
      send(Kind::observed, id, [&](WireWriter &out) { out.text(stage).value(without_objects(v)); });
    };
  }
  return std::move(sent.work);
}

// Who asked reads the answer itself: a thread between the two would cost more than many an item.
void Server::run(Frame &frame) {
  const Result result = engine().run(work_of(frame));
  WireWriter out(beside_from);
  encode(out, channel_.sent(), result);
  if (out.beside_size() > 0) return send_result(frame.id, result);
  items_.send(Kind::result, frame.id, out.finish());
}

void Server::run_submitted(Frame &frame) { send_result(frame.id, engine().run(work_of(frame))); }

void Server::submit(Frame &frame) {
  engine().submit(work_of(frame), -1,
                  [this, item = frame.id](uint64_t, Result &&r) { send_result(item, r, Sending::gathered); });
}

// What the callbacks of one turn of an engine's worker gathered.
void Server::pass_on_answers() noexcept {
  try {
    channel_.flush();
  } catch (const std::exception &) {}  // the parent is gone: who reads the channel ends the process
}

// As often as they were asked for: the parent waits for each.
void Server::serve_counts() {
  for (;;) {
    {
      const ExclusiveLock lock(mutex_);
      while (counts_wanted_ == 0) counts_asked_.wait(mutex_);
      --counts_wanted_;
    }
    try {
      channel_.send(Kind::counts, 0, WireWriter().value(engine().statistics()).finish());
    } catch (const std::exception &) { ::_exit(1); }  // the parent is gone, or there is no memory
  }
}

void Server::count() {
  engine();  // there is one, or this is refused here, where a refusal is told
  const ExclusiveLock lock(mutex_);
  if (!counting_) start_thread("the worker process's counts", [this] { serve_counts(); }).detach();
  counting_ = true;
  ++counts_wanted_;
  counts_asked_.notify_one();
}

// ---- sending

// What is large goes to memory that the parent makes, where it has some, and goes now.
template <class Encode>
void Server::send(Kind kind, uint64_t id, Encode &&encode_into, Sending how) {
  WireWriter out(beside_from);
  encode_into(out);
  const size_t size = out.beside_size();
  if (size == 0) {
    const std::string bytes = out.finish();
    return how == Sending::gathered ? channel_.gather(kind, id, bytes) : channel_.send(kind, id, bytes);
  }
  if (const UniqueFd memory = want_memory(id, size)) {
    put_tensors(memory.get(), out.beside(), size);
    return channel_.send(kind, id, out.finish(), {}, size);
  }
  WireWriter whole;
  encode_into(whole);
  channel_.send(kind, id, whole.finish());
}

// Waits for the parent's answer, which the thread of serve_channel() takes in: that one never sends what is large. An item
// wants one at a time, as what it says comes one after the other.
UniqueFd Server::want_memory(uint64_t id, size_t size) {
  std::promise<UniqueFd> promise;
  std::future<UniqueFd> memory = promise.get_future();
  {
    const ExclusiveLock lock(mutex_);
    wanted_[id] = std::move(promise);
  }
  channel_.send(Kind::wants, id, WireWriter().integer(static_cast<int64_t>(size)).finish());
  return memory.get();
}

// Something of it is always sent: the parent waits for it. Where there is no memory even for that, the process ends.
void Server::send_result(uint64_t id, const Result &result, Sending how) {
  Error why(MRUN_MEMORY, "out of memory");
  try {
    return send(
        Kind::result, id, [&](WireWriter &out) { encode(out, result); }, how);
  } catch (Error &e) {
    if (e.code == MRUN_CRASH || e.code == MRUN_PROTOCOL) return;  // the parent is gone
    why = std::move(e);
  } catch (const std::bad_alloc &) {
  } catch (const std::length_error &) {}
  why.stage = "postprocess";
  try {
    Result failed;
    failed.error = std::move(why);
    failed.timings = result.timings;
    send(Kind::result, id, [&](WireWriter &out) { encode(out, failed); });
  } catch (const std::bad_alloc &) { ::_exit(1); }
}

void Server::send_error(Kind kind, uint64_t id, const Error &e) {
  if (kind != Kind::result) {
    channel_.send(kind, id, WireWriter().error(e).finish());
    return;
  }
  Error staged = e;
  if (staged.stage.empty()) staged.stage = "engine";
  Result failed;
  failed.error = std::move(staged);
  send_result(id, failed);
}

}  // namespace mrun
