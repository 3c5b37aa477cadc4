#include "author/plugin_report.h"

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

Value overloads_of(const OperationSet &set) {
  std::vector<Value> rows;
  for (const Operation *o : set.overloads) rows.push_back(row(*o));
  return Value::list(std::move(rows));
}

}  // namespace

Value report_operations(const std::string &name) {
  Registry &registry = Registry::get();
  if (!name.empty()) {
    if (const OperationSet *set = registry.find(name)) return overloads_of(*set);
  }
  registry.load_all();
  std::vector<Value> rows;
  std::vector<std::string> names;
  for (const Operation *o : registry.operations()) {
    names.push_back(o->schema.name);
    if (name.empty() || o->schema.name == name || o->schema.full_name() == name) rows.push_back(row(*o));
  }
  if (rows.empty() && !name.empty()) {
    if (const OperationSet *set = registry.find(name)) return overloads_of(*set);
    fail(MRUN_MISSING, "no plugin brings an operation \"{}\"{}", printable(name), did_you_mean(name, names));
  }
  return Value::list(std::move(rows));
}

Value report_plugins() {
  Registry &registry = Registry::get();
  std::vector<Value> rows;
  for (const Plugin *p : registry.load_all()) {
    int64_t count = 0;
    for (const Operation *o : registry.operations()) count += o->plugin == p ? 1 : 0;
    rows.push_back(Value::map({{"name", Value::string(p->name)},
                               {"version", Value::string(p->version)},
                               {"doc", Value::string(p->doc)},
                               {"license", Value::string(p->license)},
                               {"path", Value::string(p->path.string())},
                               {"operations", Value::integer(count)}}));
  }
  return Value::list(std::move(rows));
}

}  // namespace mrun
