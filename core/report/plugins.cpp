#include "report/plugins.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "plugin/registry.h"

namespace mrun {
namespace {

Value row(const Operation &o) {
  return Value::map({{"name", Value::string(o.schema.full_name())},
                     {"schema", Value::string(o.schema.text())},
                     {"doc", Value::string(o.op->doc == nullptr ? "" : o.op->doc)},
                     {"plugin", Value::string(o.plugin->name)},
                     {"random", Value::boolean((o.op->flags & MRUN_OP_RANDOM) != 0)},
                     {"once", Value::boolean((o.op->flags & MRUN_OP_ONCE) != 0)}});
}

Value row(const Plugin &p, int64_t operations, Value error) {
  return Value::map({{"name", Value::string(p.name)},
                     {"version", Value::string(p.version)},
                     {"doc", Value::string(p.doc)},
                     {"license", Value::string(p.license)},
                     {"path", Value::string(printable(p.path.native(), SIZE_MAX))},
                     {"operations", Value::integer(operations)},
                     {"error", std::move(error)}});
}

Value overloads_of(const OperationSet &set) {
  std::vector<Value> rows;
  for (const Operation *o : set.overloads) rows.push_back(row(*o));
  return Value::list(std::move(rows));
}

std::string last_part(const std::string &name) { return name.substr(name.rfind('.') + 1); }

// Operations that were meant by a name without its module ("resize"), or with another's.
std::string advice_for(const std::string &name, std::vector<std::string> names, const Registry &registry) {
  if (std::string near = did_you_mean(name, names); !near.empty()) return near;
  for (const auto &[prefix, library] : registry.libraries()) {
    for (std::string &n : registry.names(prefix + ".")) names.push_back(std::move(n));
  }
  constexpr size_t most = 3;
  std::string text;
  size_t found = 0;
  for (const std::string &n : names) {
    if (last_part(n) != last_part(name) || found == most) continue;
    text += fmt::format("{}'{}'", found++ == 0 ? "; did you mean " : " or ", printable(n));
  }
  if (found > 0) return text + "?";
  std::vector<std::string> lasts;
  for (const std::string &n : names) lasts.push_back(last_part(n));
  const std::vector<std::string> near = nearest(last_part(name), lasts, 1);
  for (const char *lua : {"bundle", "json", "log"}) {
    if (name == lua) return fmt::format("; the module {} is Lua alone, without native operations", lua);
  }
  if (near.empty()) return "; `mrun ops` lists them";
  const auto *whole = std::find_if(names.data(), names.data() + names.size(),
                                   [&](const std::string &n) { return last_part(n) == near[0]; });
  return fmt::format("; did you mean '{}'?", printable(*whole));
}

}  // namespace

Value report_operations(Registry &registry, const std::string &name) {
  if (!name.empty()) {
    if (const OperationSet *set = registry.find(name)) return overloads_of(*set);
  }
  std::vector<BrokenPlugin> broken;
  registry.load_all(broken);
  for (const BrokenPlugin &b : broken) log(LogLevel::warn, fmt::format("plugin {} is left out: {}", b.name, b.reason));
  std::vector<Value> rows;
  std::vector<std::string> names;
  const bool all_of_plugin = name.find('.') == std::string::npos;
  for (const Operation *o : registry.operations()) {
    names.push_back(o->schema.name);
    const bool wanted = all_of_plugin ? o->schema.name.starts_with(name + ".") : o->schema.name == name;
    if (name.empty() || wanted || o->schema.full_name() == name) rows.push_back(row(*o));
  }
  for (const Plugin *p : registry.loaded()) names.push_back(p->name);
  if (rows.empty() && !name.empty()) {
    if (const OperationSet *set = registry.find(name)) return overloads_of(*set);
    if (const auto libraries = registry.libraries(); libraries.count(name) != 0) {
      fail(MRUN_MISSING, "{} looks its operations up by name; ask for one, as {}.softmax", libraries.at(name), name);
    }
    fail(MRUN_MISSING, "no plugin brings an operation or a module \"{}\"{}", printable(name),
         advice_for(name, names, registry));
  }
  return Value::list(std::move(rows));
}

Value call_by_itself(Registry &registry, const std::string &name, const Value &args) {
  std::vector<mrun_value> given;
  for (const Value &v : args.as_list()) given.push_back(v.c());
  mrun_value keywords{};
  if (!given.empty() && given.back().kind == MRUN_MAP) {
    keywords = given.back();
    given.pop_back();
  }
  ItemContext item;
  mrun_call call(item);
  CallResult result = call_operation(registry.require(name), call, given, keywords);
  if (result.pending) fail(MRUN_USAGE, "{} waits for a model: it needs a bundle", name);
  return Value::list(std::move(result.values));
}

Value report_plugins(Registry &registry) {
  std::vector<BrokenPlugin> broken;
  std::vector<Value> rows;
  for (const Plugin *p : registry.load_all(broken)) {
    int64_t count = 0;
    for (const Operation *o : registry.operations()) count += o->plugin == p ? 1 : 0;
    rows.push_back(row(*p, count, Value()));
  }
  for (const BrokenPlugin &b : broken) {
    Plugin plugin;
    plugin.name = b.name;
    plugin.path = b.path;
    rows.push_back(row(plugin, 0, Value::string(printable(b.reason, 1000))));
  }
  return Value::list(std::move(rows));
}

}  // namespace mrun
