// Finding, loading and refusing plugins.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Catch::Matchers::ContainsSubstring;

namespace {
std::string refused(const std::string &name) {
  try {
    registry().load(out_of_tree(name));
  } catch (const Error &e) {
    const bool own = name == "init_fails" || name == "says_why";  // the init's own code
    CHECK(e.code == (own ? MRUN_MISSING : MRUN_USAGE));
    return e.message;
  }
  return "";
}

int linked_in(const mrun_host *host, mrun_plugin *plugin) {
  static const mrun_op op{sizeof(mrun_op),
                          0,
                          "linked.answer@1() -> int",
                          "",
                          nullptr,
                          [](mrun_call *, const mrun_value *, mrun_value *results, void *) {
                            results[0].kind = MRUN_INT;
                            results[0].as.integer = 42;
                            return int{MRUN_OK};
                          },
                          nullptr};
  plugin->name = "linked";
  plugin->version = "1";
  return host->add_op(plugin->registry, &op);
}

int serial_in(const mrun_host *host, mrun_plugin *plugin) {
  static const mrun_host *offered = host;
  static const mrun_op op{sizeof(mrun_op),
                          MRUN_OP_SERIAL,
                          "serial.back@1(Callable f) -> int",
                          "",
                          nullptr,
                          [](mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
                            size_t count = 1;
                            return offered->call(call, args[0].as.function, nullptr, 0, results, &count);
                          },
                          nullptr};
  plugin->name = "serial";
  plugin->version = "1";
  return host->add_op(plugin->registry, &op);
}
}  // namespace

TEST_CASE("bad plugins are refused, each for its reason, and leave nothing behind") {
  registry().plugin("kit");
  const struct {
    const char *name, *says;
  } bad[] = {
      {"old_host", "built for plugin ABI 2.0; this mrun offers 1.1"},
      {"no_symbol", "exports no mrun_plugin_init"},
      {"init_fails", "mrun_plugin_init failed (MISSING)"},
      {"says_why", "the codec is not there"},
      {"init_throws", "mrun_plugin_init threw: on purpose"},
      {"bad_schema", "unknown type tensor"},
      {"twice", "hostile.fine@1: is registered twice"},
      {"taken", "there is a plugin called kit already"},
      {"foreign_name", "image.resize: a name in plugin hostile begins with hostile."},
      {"signature", "the schema says Tensor,int->Tensor, the code takes Tensor,float->Tensor"},
      {"no_version", "hostile.bad: has no version; write hostile.bad@1"},
      {"overload", "hostile.bad:int: overloads are for namespaces; call it hostile.bad_int"},
      {"odd_size", "mrun_op: its size is 52, which is no size of such a struct"},
      {"space_twice", "namespace hostilens.: is registered twice"},
      {"others_space", "the namespace kit. is where the operations of plugin kit are"},
      {"backend_twice", "backend hostile: is registered twice"},
      {"one_class_twice", "backend odder: its class is that of backend odd; derive one of its own from it"},
      {"short_struct", "its size is 16"},
      {"no_name", "a plugin's name is"},
      {"no_such_type", "the type hostile.Nothing is not registered"},
      {"once_not_shareable", "MRUN_OP_ONCE wants one result"},
      {"stray_method", "the first parameter of a method is \"hostile.Thing self\""},
      {"odd_type", "type \"hostile.My Thing\": want hostile.TYPE"},
      {"std_name", "a plugin cannot be called bundle"},
      {"two_lines", "the plugin's version: want one line without control characters, got 1\\nerror()"},
      {"not_utf8", "hostile.bad: its doc: is not valid UTF-8: Gr\\xfc\\xdf"},
      {"no_registry", "the registry is NULL"},
      {"text", "cannot be loaded"},
  };
  for (const auto &b : bad) {
    INFO(b.name);
    const std::string first = refused(b.name);
    CHECK_THAT(first, ContainsSubstring(b.says));
    CHECK_THAT(first, ContainsSubstring(std::string(b.name) + ".so"));
    CHECK(refused(b.name) == first);  // and again
    CHECK(registry().find("hostile.fine@1") == nullptr);
  }
  CHECK_THROWS_WITH(registry().load("/nothing/there.so"), ContainsSubstring("no such plugin file"));
}

TEST_CASE("a library that interrupts its process while it is loaded is refused, and the process goes on") {
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  for (int i = 0; i < 2; ++i) {
    try {
      registry().load(out_of_tree("raises"));
      FAIL("was loaded");
    } catch (const Error &e) {
      CHECK(e.code == MRUN_MEMORY);
      CHECK_THAT(e.message, ContainsSubstring("raises.so: a library of it raised SIGINT while it was loaded"));
    }
  }
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  CHECK(sigismember(&before, SIGINT) == sigismember(&after, SIGINT));
}

TEST_CASE(
    "an interrupt from outside that comes while plugins are loaded, on any thread, is there afterwards and refuses "
    "none") {
  sigset_t interrupt, before, pending;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, &before);  // as a host that waits for its signals in a thread
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::kill(parent, SIGINT));
  ::waitpid(child, nullptr, 0);
  std::thread([&] {
    for (const char *name : {"hello", "kit"}) CHECK_NOTHROW(registry().load(out_of_tree(name)));
  }).join();
  ::sigpending(&pending);
  CHECK(sigismember(&pending, SIGINT) == 1);
  const timespec at_once{};
  CHECK(::sigtimedwait(&interrupt, nullptr, &at_once) == SIGINT);
  CHECK(::sigtimedwait(&interrupt, nullptr, &at_once) < 0);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a plugin built with a newer header is loaded as far as this host knows it") {
  CHECK(registry().load(out_of_tree("long_struct")).name == "long_struct");
  Runner().run("long_struct.fine@1");
}

TEST_CASE("loading a file again gives the same plugin") {
  const Plugin &hello = registry().load(out_of_tree("hello"));
  for (int i = 0; i < 200; ++i) CHECK(&registry().load(out_of_tree("hello")) == &hello);
  CHECK(&registry().load(std::filesystem::path(MRUN_OUT_OF_TREE_PLUGINS) / "." / "hello.so") == &hello);
  CHECK(registry().plugin("hello") == &hello);
  CHECK(hello.path.is_absolute());
}

TEST_CASE("a plugin is found by its operations, types, backend, namespace and files") {
  Registry &r = registry();
  CHECK(r.find("counter.scale@1") != nullptr);
  CHECK(r.find("counter.scale@1") == r.find("counter.scale@1"));
  CHECK(r.find("counter.scale@2") == nullptr);
  CHECK(r.find("nothing") == nullptr);
  CHECK(r.find("nothing.at.all@1") == nullptr);
  CHECK(r.find("../hello.negate@1") == nullptr);
  CHECK(r.plugin("nothing") == nullptr);
  CHECK(r.plugin("../hello") == nullptr);
  REQUIRE(r.type("counter.Vocabulary") != nullptr);
  CHECK(std::string_view(r.type("counter.Vocabulary")->name) == "counter.Vocabulary");
  CHECK(r.type("counter.Nothing") == nullptr);
  REQUIRE(r.backend("kit") != nullptr);
  CHECK(r.backend("kit") == r.backend_of_file("models/a.kit"));
  CHECK(r.backend_of_file("a.kit2") == r.backend("kit"));
  CHECK(r.backend_of_file("a.onnx") == nullptr);
  REQUIRE(r.plugin("company") != nullptr);
  REQUIRE(r.backend("company") != nullptr);
  CHECK(r.backend("company")->backend->parallel == 1);
  CHECK(r.backend("onnx") == nullptr);
  CHECK(r.find("kitns.pick")->overloads.size() == 4);
}

TEST_CASE("what is missing is said: operation, plugin, versions") {
  Registry &r = registry();
  CHECK_THROWS_WITH(r.require("nothing.op@1"),
                    ContainsSubstring("the plugin nothing that would bring it is not there"));
  CHECK_THROWS_WITH(r.require("kit.sum@7"), ContainsSubstring("no such version; there is kit.sum@1, kit.sum@2"));
  CHECK_THROWS_WITH(r.require("kit.summ@1"), ContainsSubstring("did you mean"));
  try {
    r.require("kit.sum@7");
  } catch (const Error &e) { CHECK(e.code == MRUN_MISSING); }
}

TEST_CASE("a linked-in plugin is a plugin like any other") {
  const Plugin &plugin = registry().add(linked_in);
  CHECK(&registry().add(linked_in) == &plugin);
  CHECK(plugin.path.empty());
  CHECK(Runner().one("linked.answer@1").as_int() == 42);
}

TEST_CASE("plugins and operations are listed by name") {
  registry().plugin("hello");
  registry().plugin("counter");
  std::vector<std::string> names;
  for (const Plugin *p : registry().loaded()) names.push_back(p->name);
  CHECK(std::is_sorted(names.begin(), names.end()));
  std::vector<std::string> operations;
  for (const Operation *op : registry().operations()) operations.push_back(op->schema.full_name());
  CHECK(std::count(operations.begin(), operations.end(), "hello.negate@1") == 1);
  CHECK(std::is_sorted(operations.begin(), operations.end()));
}

TEST_CASE("a plugin without a Lua module gets one") {
  const Plugin &kit = *registry().plugin("kit");
  CHECK(kit.version == "2.1.0");
  CHECK(kit.license == "Apache-2.0");
  CHECK_THAT(kit.lua, ContainsSubstring("M.sum = native \"kit.sum@2\"\n"));
  CHECK_THAT(kit.lua, ContainsSubstring("M[\"repeat\"] = native \"kit.repeat@1\"\n"));
  CHECK_THAT(kit.lua, ContainsSubstring("native.methods(\"kit.Cell\", {\n  add = native \"kit.Cell.add@1\",\n"));
  CHECK_THAT(kit.lua, !ContainsSubstring("sum@1"));
  CHECK_THAT(kit.lua, Catch::Matchers::EndsWith("return M\n"));
}

TEST_CASE("many threads find and call at once") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  std::atomic<int64_t> together{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Runner r;
      const Tensor x = floats({1, 2, 3});
      for (int i = 0; i < 200; ++i) {
        if (r.one("counter.scale@1", values(x, t)).as_tensor().data<float>()[2] != 3.0f * static_cast<float>(t))
          ++wrong;
        if (r.one("kitns.pick", values(1.5)).as_string() != "float") ++wrong;
        if (registry().find("hello.negate@1") == nullptr) ++wrong;
        if (&registry().load(out_of_tree("kit")) != registry().plugin("kit")) ++wrong;
      }
      const int64_t most = r.one("kit.serial@1", values(500)).as_int();
      if (most > together) together = most;
    });
  }
  for (std::thread &t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(together == 1);
}

TEST_CASE("signals that a library takes while it is loaded are given back, and standard output is not touched") {
  int pipes[2];
  REQUIRE(::pipe(pipes) == 0);
  const int before = ::dup(STDOUT_FILENO);
  std::fflush(stdout);
  ::dup2(pipes[1], STDOUT_FILENO);
  struct sigaction ours = {}, now = {}, other = {};
  ours.sa_handler = [](int) {};
  ::sigaction(SIGTERM, &ours, nullptr);
  registry().load(out_of_tree("loud"));
  ::sigaction(SIGTERM, nullptr, &now);
  ::sigaction(SIGHUP, nullptr, &other);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGHUP, SIG_DFL);
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  ::close(pipes[1]);
  CHECK(now.sa_handler == ours.sa_handler);
  CHECK(other.sa_handler == SIG_DFL);
  CHECK(read_all(pipes[0], "standard output") == "loud: loaded\n");  // the library's own: mrun turns nothing away
  ::close(pipes[0]);
}

TEST_CASE("a plugin of ABI 1.0 is loaded, and no more of it read than there was then") {
  CHECK(registry().load(out_of_tree("first")).name == "first");
  Runner r;
  Function f([](std::span<const mrun_value>) { return values(1); });
  mrun_call call(r.item, &r.host);
  const std::vector<Value> args{Value::copy(f.value())};
  CHECK(call_operation(registry().require("first.wait@1"), call, raw(args)).pending);
  CHECK(r.host.how.names == nullptr);
  CHECK(r.host.how.size == sizeof(mrun_await));
  CHECK(r.one("first.alive@1").as_int() == 1);
  r.host.how.destroy(r.host.how.state);
  CHECK_THAT(r.error("first.refused@1", args).message, ContainsSubstring("resume and destroy must not be NULL"));
  CHECK(r.one("first.alive@1").as_int() == 0);  // a refused await destroys the task
}

TEST_CASE("of a plugin's serial operations no two run at once, and none inside another") {
  Runner r;
  Error inner(MRUN_OK, "");
  Function other([&](std::span<const mrun_value>) {
    inner = Runner().error("kit.serial@1", values(1));
    return values(1);
  });
  r.one("kit.serial_back@1", {Value::copy(other.value())});
  CHECK(inner.code == MRUN_USAGE);
  CHECK_THAT(inner.message, ContainsSubstring("its plugin runs already on this thread"));
}

TEST_CASE("serial operations of two plugins that call back into each other do not wait for ever") {
  registry().add(serial_in);
  const auto run = [](const char *outer, const char *inner) {
    for (int i = 0; i < 200; ++i) {
      Function last([](std::span<const mrun_value>) { return values(1); });
      Function f([&](std::span<const mrun_value>) {
        std::this_thread::yield();
        return Runner().run(inner, {Value::copy(last.value())});
      });
      Runner().run(outer, {Value::copy(f.value())});
    }
  };
  std::thread a(run, "kit.serial_back@1", "serial.back@1"), b(run, "serial.back@1", "kit.serial_back@1");
  a.join();
  b.join();
}

TEST_CASE("a serial operation does not wait for itself") {
  Runner r;
  mrun_code code = MRUN_OK;
  Function again([&](std::span<const mrun_value>) {
    Runner inner;
    code = inner.error("kit.serial_back@1", {Value::copy(again.value())}).code;
    return values(1);
  });
  CHECK(r.one("kit.serial_back@1", {Value::copy(again.value())}).as_int() == 1);
  CHECK(code == MRUN_USAGE);
}

TEST_CASE("who waits for a serial operation ends when its item must") {
  std::atomic<bool> inside{false}, release{false};
  Function hold([&](std::span<const mrun_value>) {
    inside = true;
    while (!release) std::this_thread::yield();
    return values(1);
  });
  std::thread other([&] { Runner().run("kit.serial_back@1", {Value::copy(hold.value())}); });
  while (!inside) std::this_thread::yield();
  Runner waits;
  waits.item.stop = MRUN_CANCELLED;
  const Error e = waits.error("kit.serial@1", values(1));
  release = true;
  other.join();
  CHECK(e.code == MRUN_CANCELLED);
}

TEST_CASE("a plugin does not take the place of one of the folders, and files of which nothing is known are named") {
  namespace fs = std::filesystem;
  const fs::path base = fs::temp_directory_path() / ("mrun-places-" + std::to_string(getpid()));
  fs::create_directories(base);
  fs::copy_file(out_of_tree("hello"), base / "hello.so");
  Registry r({base});
  CHECK_THROWS_WITH(r.load(out_of_tree("hello")), ContainsSubstring("put the folder of its hello.so first"));
  CHECK(r.load(base / "hello.so").name == "hello");
  CHECK_THROWS_WITH(r.require("other.op@1"), ContainsSubstring("it has no hello.json beside it"));
  Registry alone(std::vector<fs::path>{});
  CHECK(alone.load(out_of_tree("hello")).name == "hello");
  fs::remove_all(base);
}

TEST_CASE("what a plugin says in its mrun_plugin_init is the error's code and text") {
  Registry r(std::vector<std::filesystem::path>{});
  try {
    r.load(out_of_tree("says_why"));
    FAIL("it was loaded");
  } catch (const Error &e) { CHECK(e.code == MRUN_MISSING); }
}

TEST_CASE("the folders are MRUN_PLUGIN_PATH's, the first one wins, and a bad NAME.json is named") {
  namespace fs = std::filesystem;
  const fs::path base = fs::temp_directory_path() / ("mrun-plugins-" + std::to_string(getpid()));
  fs::create_directories(base / "a");
  fs::create_directories(base / "b");
  fs::copy_file(out_of_tree("hello"), base / "a" / "other.so");
  std::ofstream(base / "b" / "kit.so") << "damaged";
  Registry r({base / "a", base / "none", base / "b"});
  CHECK_THROWS_WITH(r.plugin("other"), ContainsSubstring("calls itself hello"));
  std::ofstream(base / "a" / "other.json") << "{\"provides\": 3}";
  r.set_folders({base / "a"});
  fs::copy_file(out_of_tree("hello"), base / "a" / "sound.so");
  std::ofstream(base / "a" / "sound.json") << "{\"libraries\": [\"libm.so.6\", \"not there\"]}";  // left to the plugin
  CHECK(r.find("unknown.op@1") == nullptr);
  CHECK_THROWS_WITH(r.plugin("other"), ContainsSubstring("other.json: \"provides\" must be a list of strings"));
  std::vector<BrokenPlugin> broken;
  r.load_all(broken);
  REQUIRE(broken.size() == 2);
  CHECK(broken[0].name == "other");
  CHECK(broken[0].path == base / "a" / "other.so");
  CHECK_THAT(broken[0].reason, ContainsSubstring("other.json"));
  CHECK(broken[1].name == "sound");  // it is hello by another name
  int number = 0;
  for (const auto &[facts, wrong] : {std::pair{R"({"only": "libm.so.6"})", "\"only\" must be a list of strings"},
                                     std::pair{R"({"only": [1]})", "\"only\" must be a list of strings"},
                                     std::pair{R"({"own_memory": 1})", "\"own_memory\" must be a boolean"},
                                     std::pair{R"({"provides": 3})", "\"provides\" must be a list of strings"},
                                     std::pair{R"([1])", "want a JSON object"}}) {
    const fs::path file = base / "b" / ("wrong" + std::to_string(++number) + ".so");  // what failed once fails again
    fs::copy_file(out_of_tree("hello"), file);
    std::ofstream(fs::path(file).replace_extension(".json")) << facts;
    CHECK_THROWS_WITH(r.load(file), ContainsSubstring(std::string(".json: ") + wrong));
  }
  fs::remove_all(base);
}
