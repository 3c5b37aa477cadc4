#include "plugin/registration.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "plugin/catalog.h"

namespace mrun {
namespace {

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

std::string text_of(const char *text) { return text == nullptr ? std::string() : std::string(text); }

// ---- what is checked once everything is registered

// Names that scripts have other modules or operations under.
constexpr std::string_view taken_names[] = {"bit", "bundle", "core", "coroutine", "json",
                                            "lib", "log",    "math", "string",    "table"};

// A text for people and JSON; "" where there is none.
std::string readable(const char *text, const std::string &what) {
  std::string given = text_of(text);
  if (!valid_utf8(given)) fail(MRUN_USAGE, "{}: is not valid UTF-8: {}", what, printable(given, 60));
  return given;
}

// What stands in one line of a list, and in a comment of the Lua module.
std::string one_line(const char *text, const std::string &what) {
  std::string given = readable(text, what);
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; };
  if (std::any_of(given.begin(), given.end(), control)) {
    fail(MRUN_USAGE, "{}: want one line without control characters, got {}", what, printable(given, 60));
  }
  return given;
}

// What a schema can call it: names joined by dots.
bool is_dotted_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  bool begins = true;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!letter(c) && (begins || (c != '.' && !digit))) return false;
    begins = c == '.';
  }
  return !begins;
}

// NAME.operation, or TYPE.method of a type that is registered and whose first parameter is `TYPE self`.
void check_name(const mrun_registry &registry, const Schema &schema) {
  const std::string &plugin = registry.plugin->name, &name = schema.name;
  if (!starts_with(name, plugin + "."))
    fail(MRUN_USAGE, "{}: a name in plugin {} begins with {}.", name, plugin, plugin);
  const size_t dot = name.rfind('.');
  if (dot == plugin.size()) return;
  const std::string type = name.substr(0, dot);
  if (registry.types.count(type) == 0) {
    fail(MRUN_USAGE, "{}: neither {}.OPERATION nor TYPE.METHOD of a type that is registered", name, plugin);
  }
  if (schema.parameters.empty() || schema.parameters[0].type.text() != type) {
    fail(MRUN_USAGE, "{}: the first parameter of a method is \"{} self\"", name, type);
  }
}

void check_objects(const mrun_registry &registry, const Operation &op) {
  const auto check = [&](const Type &type) {
    if (type.base != Base::object || !starts_with(type.object, registry.plugin->name + ".")) return;
    if (registry.types.count(type.object) == 0) {
      fail(MRUN_USAGE, "{}: the type {} is not registered", op.schema.name, type.object);
    }
  };
  for (const Parameter &p : op.schema.parameters) check(p.type);
  for (const Type &type : op.schema.results) check(type);
  if (!op.once()) return;
  const auto &results = op.schema.results;
  const auto type = results.size() == 1 ? registry.types.find(results[0].object) : registry.types.end();
  if (type == registry.types.end() || (type->second->flags & MRUN_TYPE_SHAREABLE) == 0) {
    fail(MRUN_USAGE, "{}: MRUN_OP_ONCE wants one result, of a type that is MRUN_TYPE_SHAREABLE", op.schema.name);
  }
}

void check_all(const mrun_registry &registry) {
  const std::string &plugin = registry.plugin->name;
  std::set<std::string> names;
  for (const auto &[name, type] : registry.types) {
    if (!starts_with(name, plugin + "."))
      fail(MRUN_USAGE, "{}: a type of plugin {} is called {}.TYPE", name, plugin, plugin);
    if (!is_dotted_name(name)) {
      fail(MRUN_USAGE, "type \"{}\": want {}.TYPE, of letters, digits and _: a schema cannot name it otherwise",
           printable(name), plugin);
    }
  }
  for (const auto &op : registry.operations) {
    readable(op->op->doc, op->schema.name + ": its doc");
    if (!op->schema.overload.empty()) {
      fail(MRUN_USAGE, "{}:{}: overloads are for namespaces; call it {}_{}", op->schema.name, op->schema.overload,
           op->schema.name, op->schema.overload);
    }
    if (op->schema.version == 0) fail(MRUN_USAGE, "{}: has no version; write {}@1", op->schema.name, op->schema.name);
    if (!names.insert(op->schema.full_name()).second) {
      fail(MRUN_USAGE, "{}: is registered twice", op->schema.full_name());
    }
    check_name(registry, op->schema);
    check_objects(registry, *op);
  }
}

// Bytes that a plugin may write into its mrun_plugin: it may know a longer one.
constexpr size_t plugin_room = 4096;

void check_abi(const mrun_plugin &p, const std::string &what) {
  const uint32_t major = p.abi >> 16, minor = p.abi & 0xffff;
  if (major != MRUN_ABI_MAJOR || minor > MRUN_ABI_MINOR) {
    fail(MRUN_USAGE, "{}: built for plugin ABI {}.{}; this mrun offers {}.{}", what, major, minor, MRUN_ABI_MAJOR,
         MRUN_ABI_MINOR);
  }
  if (p.size < first_size<mrun_plugin> || p.size > plugin_room) {
    fail(MRUN_USAGE, "{}: its mrun_plugin has size {}, {} to {} is wanted", what, p.size, first_size<mrun_plugin>,
         plugin_room);
  }
}

thread_local mrun_registry *starting = nullptr;  // of the mrun_plugin_init that runs

int run_init(PluginInit init, mrun_plugin &p, const std::string &what) {
  starting = p.registry;
  try {
    const int code = init(&host_table(), &p);
    starting = nullptr;
    return code;
  } catch (const std::exception &e) {
    starting = nullptr;
    fail(MRUN_USAGE, "{}: mrun_plugin_init threw: {}", what, printable(e.what()));
  } catch (...) {
    starting = nullptr;
    fail(MRUN_USAGE, "{}: mrun_plugin_init threw an exception", what);
  }
}

void refuse_failed(int code, const mrun_registry &registry, const std::string &what) {
  const bool known = code > MRUN_OK && code <= MRUN_INTERNAL;
  if (!registry.error.empty()) {
    fail(known ? static_cast<mrun_code>(code) : registry.code, "{}: {}", what, registry.error);
  }
  if (code == MRUN_OK) return;
  fail(known ? static_cast<mrun_code>(code) : MRUN_USAGE, "{}: mrun_plugin_init failed ({})", what, code_name(code));
}

const char *const lua_keywords[] = {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                    "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                    "repeat",   "return", "then", "true", "until",  "while"};

std::string lua_key(const std::string &name) {
  const bool keyword = std::find(std::begin(lua_keywords), std::end(lua_keywords), name) != std::end(lua_keywords);
  return keyword ? fmt::format("[\"{}\"]", name) : name;
}

}  // namespace

std::unique_ptr<Operation> make_operation(const mrun_op *given, const Plugin &plugin,
                                          std::vector<std::unique_ptr<const mrun_op>> &kept) {
  auto op = std::make_unique<const mrun_op>(known(given, "mrun_op"));
  if (op->schema == nullptr || op->call == nullptr) fail(MRUN_USAGE, "mrun_op: schema and call must not be NULL");
  auto operation = std::make_unique<Operation>();
  operation->schema = parse_schema(op->schema);
  const Schema &schema = operation->schema;
  if (op->signature != nullptr && !serves(op->signature, schema)) {
    fail(MRUN_USAGE, "{}: the schema says {}, the code takes {}", schema.full_name(), schema.signature(),
         printable(op->signature));
  }
  for (const Parameter &p : schema.parameters) {
    operation->writes = operation->writes || p.type.written;
    operation->takes_objects = operation->takes_objects || p.type.base == Base::object;
  }
  operation->plugin = &plugin;
  operation->op = op.get();
  kept.push_back(std::move(op));
  return operation;
}

void note_init_failure(mrun_code code, std::string message) {
  if (starting == nullptr || !starting->error.empty()) return;
  starting->code = code;
  starting->error = std::move(message);
}

void register_op(mrun_registry &registry, const mrun_op *op) {
  registry.operations.push_back(make_operation(op, *registry.plugin, registry.ops));
}

void register_type(mrun_registry &registry, const mrun_type *given) {
  const mrun_type type = known(given, "mrun_type");
  const std::string name = text_of(type.name);
  if (name.empty()) fail(MRUN_USAGE, "mrun_type: name must not be NULL or empty");
  // Kept as the plugin gave it: objects are recognised by this pointer. What it lacks of a newer mrun_type lies beyond
  // it, so members that ABI 1.0 did not have must be read through known().
  if (!registry.types.emplace(name, given).second) fail(MRUN_USAGE, "type {}: is registered twice", name);
}

void register_namespace(mrun_registry &registry, const mrun_namespace *given) {
  auto space = std::make_unique<const mrun_namespace>(known(given, "mrun_namespace"));
  const std::string prefix = text_of(space->prefix);
  if (prefix.size() < 2 || prefix.back() != '.' || !valid_plugin_name(prefix.substr(0, prefix.size() - 1))) {
    fail(MRUN_USAGE, "namespace \"{}\": a prefix is a name and a dot, \"aten.\"", printable(prefix));
  }
  if (space->find == nullptr) fail(MRUN_USAGE, "namespace {}: find must not be NULL", prefix);
  for (const auto &other : registry.namespaces) {
    if (prefix == other->prefix) fail(MRUN_USAGE, "namespace {}: is registered twice", prefix);
  }
  registry.namespaces.push_back(std::move(space));
}

void register_backend(mrun_registry &registry, const mrun_backend *given) {
  auto backend = std::make_unique<const mrun_backend>(known(given, "mrun_backend"));
  const std::string name = text_of(backend->name);
  if (name.empty()) fail(MRUN_USAGE, "mrun_backend: name must not be NULL or empty");
  if (!backend->open || !backend->close || !backend->method || !backend->call) {
    fail(MRUN_USAGE, "backend {}: open, close, method and call must not be NULL", name);
  }
  for (const auto &other : registry.backends) {
    if (name == other->name) fail(MRUN_USAGE, "backend {}: is registered twice", name);
  }
  registry.backends.push_back(std::move(backend));
}

void initialize(PluginInit init, const std::string &what, Plugin &plugin, mrun_registry &registry) {
  union {  // with the room behind ours
    mrun_plugin p;
    char room[plugin_room];
  } given;
  std::fill(std::begin(given.room), std::end(given.room), '\0');
  mrun_plugin &p = given.p;
  p.size = sizeof p;
  p.abi = MRUN_ABI;
  p.registry = &registry;
  registry.plugin = &plugin;
  const int code = run_init(init, p, what);
  refuse_failed(code, registry, what);
  check_abi(p, what);
  plugin.name = text_of(p.name);
  if (!valid_plugin_name(plugin.name)) {
    fail(MRUN_USAGE, "{}: a plugin's name is [a-z][a-z0-9_]*, not \"{}\"", what, printable(plugin.name));
  }
  if (std::find(std::begin(taken_names), std::end(taken_names), plugin.name) != std::end(taken_names)) {
    fail(MRUN_USAGE, "{}: a plugin cannot be called {}: scripts have that name for something of mrun's own", what,
         plugin.name);
  }
  try {
    plugin.version = one_line(p.version, "the plugin's version");
    plugin.doc = readable(p.doc, "the plugin's doc");
    plugin.license = one_line(p.license, "the plugin's license");
    readable(p.lua, "the plugin's Lua module");
    check_all(registry);
  } catch (const Error &e) { fail(MRUN_USAGE, "{}: {}", what, e.message); }
  plugin.lua = p.lua != nullptr ? std::string(p.lua) : lua_module(plugin, registry);
}

std::string lua_module(const Plugin &plugin, const mrun_registry &registry) {
  std::map<std::string, int32_t> newest;
  for (const auto &op : registry.operations) {
    int32_t &version = newest[op->schema.name];
    version = std::max(version, op->schema.version);
  }
  std::string text =
      fmt::format("-- {} {}: each operation under its own name, in its newest version.\nlocal M = {{}}\n", plugin.name,
                  plugin.version);
  std::map<std::string, std::string> methods;
  for (const auto &[name, version] : newest) {
    const size_t dot = name.rfind('.');
    const std::string owner = name.substr(0, dot), key = lua_key(name.substr(dot + 1));
    if (owner != plugin.name) {
      methods[owner] += fmt::format("  {} = native \"{}@{}\",\n", key, name, version);
    } else {
      text += fmt::format("M{}{} = native \"{}@{}\"\n", key[0] == '[' ? "" : ".", key, name, version);
    }
  }
  for (const auto &[type, lines] : methods) text += fmt::format("native.methods(\"{}\", {{\n{}}})\n", type, lines);
  return text + "return M\n";
}

}  // namespace mrun
