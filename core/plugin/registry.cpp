#include "plugin/registry.h"

#include <algorithm>
#include <set>
#include <shared_mutex>
#include <unordered_map>

#include "base/log.h"
#include "base/text.h"
#include "plugin/registration.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }
bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool has_suffix(const mrun_backend &backend, std::string_view file) {
  std::string_view rest = backend.suffixes == nullptr ? "" : backend.suffixes;
  while (!rest.empty()) {
    const size_t space = std::min(rest.find(' '), rest.size());
    const std::string_view suffix = rest.substr(0, space);
    if (!suffix.empty() && ends_with(file, suffix)) return true;
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return false;
}

struct Namespace {
  std::string prefix;
  const mrun_namespace *space = nullptr;
  const Plugin *plugin = nullptr;
};

// All of a plugin that was accepted; never freed.
struct Loaded {
  Plugin plugin;
  mrun_registry registry;
};

}  // namespace

// Two locks: `load` is held while anything is loaded or looked up in a namespace (plugins' code runs under it), and
// `tables` only while the tables are read or changed.
struct Registry::Impl {
  std::recursive_mutex load;
  mutable std::shared_mutex tables;

  std::map<std::string, std::unique_ptr<Loaded>> plugins;
  std::unordered_map<std::string, std::unique_ptr<OperationSet>> sets;
  std::unordered_map<std::string, const mrun_type *> types;
  std::vector<Namespace> namespaces;
  std::vector<std::unique_ptr<Backend>> backends;

  // Under `load` alone.
  std::vector<std::unique_ptr<Operation>> found;  // of namespaces
  std::vector<std::unique_ptr<const mrun_op>> found_ops;
  std::map<fs::path, const Plugin *> by_path;
  std::map<void *, const Plugin *> by_handle;
  std::map<PluginInit, const Plugin *> by_init;
  std::map<fs::path, Error> broken;
  std::vector<fs::path> folders;
  bool folders_set = false, scanned = false, warned = false;
  std::map<std::string, PluginFile> files;

  const std::map<std::string, PluginFile> &scan() {
    if (!scanned) {
      files = scan_folders(folders_set ? folders : default_folders());
      scanned = true;
    }
    return files;
  }

  const Plugin &accept(PluginInit init, const std::string &what, const fs::path &path);
  const Plugin &load_file(const fs::path &path, const std::vector<std::string> &libraries = {});
  const Plugin *load_named(const std::string &name);
  void refuse_taken(const Loaded &, const std::string &what) const;
  void publish(std::unique_ptr<Loaded>);

  const OperationSet *lookup(const std::string &name) const {
    const std::shared_lock lock(tables);
    const auto at = sets.find(name);
    return at == sets.end() ? nullptr : at->second.get();
  }
  const Namespace *namespace_of(std::string_view operation) const {
    const std::shared_lock lock(tables);
    for (const Namespace &n : namespaces) {
      if (starts_with(operation, n.prefix)) return &n;
    }
    return nullptr;
  }
  const Plugin *loaded(const std::string &name) const {
    const std::shared_lock lock(tables);
    const auto at = plugins.find(name);
    return at == plugins.end() ? nullptr : &at->second->plugin;
  }
  const OperationSet *find_in(const Namespace &, const std::string &name);
  void warn_of_broken_files();
  const Backend *backend(const std::function<bool(const mrun_backend &)> &wanted) const {
    const std::shared_lock lock(tables);
    for (const auto &b : backends) {
      if (wanted(*b->backend)) return b.get();
    }
    return nullptr;
  }
};

// ---- loading

const Plugin &Registry::Impl::accept(PluginInit init, const std::string &what, const fs::path &path) {
  auto loaded = std::make_unique<Loaded>();
  loaded->plugin.path = path;
  initialize(init, what, loaded->plugin, loaded->registry);
  refuse_taken(*loaded, what);
  const Plugin &plugin = loaded->plugin;
  publish(std::move(loaded));
  return plugin;
}

void Registry::Impl::refuse_taken(const Loaded &l, const std::string &what) const {
  const std::shared_lock lock(tables);
  const auto same = plugins.find(l.plugin.name);
  if (same != plugins.end()) {
    const fs::path &other = same->second->plugin.path;
    fail(MRUN_USAGE, "{}: a plugin called {} is loaded already ({})", what, l.plugin.name,
         other.empty() ? "it is built in" : other.string());
  }
  for (const auto &space : l.registry.namespaces) {
    for (const Namespace &n : namespaces) {
      if (n.prefix == space->prefix) {
        fail(MRUN_USAGE, "{}: the namespace {} belongs to plugin {} already", what, n.prefix, n.plugin->name);
      }
    }
  }
  for (const auto &backend : l.registry.backends) {
    for (const auto &b : backends) {
      if (std::string_view(b->backend->name) == backend->name) {
        fail(MRUN_USAGE, "{}: the backend {} belongs to plugin {} already", what, backend->name, b->plugin->name);
      }
    }
  }
}

void Registry::Impl::publish(std::unique_ptr<Loaded> loaded) {
  const std::unique_lock lock(tables);
  const Plugin *plugin = &loaded->plugin;
  for (const auto &op : loaded->registry.operations) {
    const std::string name = op->schema.full_name();
    sets.emplace(name, std::make_unique<OperationSet>(OperationSet{name, plugin, {op.get()}}));
  }
  for (const auto &[name, type] : loaded->registry.types) types.emplace(name, type);
  for (const auto &space : loaded->registry.namespaces) {
    namespaces.push_back(Namespace{space->prefix, space.get(), plugin});
  }
  for (const auto &b : loaded->registry.backends) {
    backends.push_back(std::make_unique<Backend>(Backend{b.get(), plugin}));
  }
  plugins.emplace(plugin->name, std::move(loaded));
}

const Plugin &Registry::Impl::load_file(const fs::path &path, const std::vector<std::string> &libraries) {
  std::error_code error;
  const fs::path full = fs::weakly_canonical(path, error);
  const auto known = by_path.find(full);
  if (known != by_path.end()) return *known->second;
  const auto failed = broken.find(full);
  if (failed != broken.end()) throw failed->second;
  const Library library = open_library(path, libraries);
  const auto same = by_handle.find(library.handle);  // another name of the same file
  if (same != by_handle.end()) return *same->second;
  try {
    const Plugin &plugin = accept(library.init, path.string(), full);
    by_path.emplace(full, &plugin);
    by_handle.emplace(library.handle, &plugin);
    return plugin;
  } catch (const Error &e) {
    broken.emplace(full, e);  // mrun_plugin_init runs once a process
    throw;
  }
}

const Plugin *Registry::Impl::load_named(const std::string &name) {
  if (const Plugin *plugin = loaded(name)) return plugin;
  const auto file = scan().find(name);
  if (file == scan().end()) return nullptr;
  if (!file->second.broken.empty()) throw Error(MRUN_USAGE, file->second.broken);
  const Plugin &plugin = load_file(file->second.path, file->second.libraries);
  if (plugin.name != name) {
    fail(MRUN_USAGE, "{}: the plugin in it calls itself {}", file->second.path.string(), plugin.name);
  }
  return &plugin;
}

const OperationSet *Registry::Impl::find_in(const Namespace &n, const std::string &name) {
  const mrun_op *const *ops = nullptr;
  size_t count = 0;
  const int code = n.space->find(name.c_str() + n.prefix.size(), &ops, &count);
  if (code != MRUN_OK)
    fail(MRUN_INTERNAL, "{}: plugin {} could not look it up ({})", name, n.plugin->name, code_name(code));
  if (count == 0) return nullptr;
  std::vector<std::unique_ptr<Operation>> made;
  for (size_t i = 0; i < count; ++i) made.push_back(make_operation(ops[i], *n.plugin, found_ops));
  std::stable_sort(made.begin(), made.end(),
                   [](const auto &a, const auto &b) { return a->schema.overload < b->schema.overload; });
  auto set = std::make_unique<OperationSet>(OperationSet{name, n.plugin, {}});
  for (auto &op : made) {
    set->overloads.push_back(op.get());
    found.push_back(std::move(op));
  }
  const std::unique_lock lock(tables);
  return sets.emplace(name, std::move(set)).first->second.get();
}

// A plugin whose NAME.json is wrong brings nothing: said once, when something was looked for in vain.
void Registry::Impl::warn_of_broken_files() {
  if (std::exchange(warned, true)) return;
  for (const auto &[name, file] : scan()) {
    if (!file.broken.empty()) log(LogLevel::warn, fmt::format("plugin {} is left out: {}", name, file.broken));
  }
}

// ---- the public face

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Registry &Registry::get() {
  static Registry *const registry = new Registry;  // plugins are never unloaded: nothing is torn down at exit
  return *registry;
}

void Registry::set_folders(std::vector<fs::path> folders) {
  const std::lock_guard lock(impl_->load);
  impl_->folders = std::move(folders);
  impl_->folders_set = true;
  impl_->scanned = impl_->warned = false;
}

const Plugin &Registry::load(const fs::path &path) {
  const std::lock_guard lock(impl_->load);
  return impl_->load_file(path);
}

const Plugin &Registry::add(int (*init)(const mrun_host *, mrun_plugin *)) {
  const std::lock_guard lock(impl_->load);
  const auto known = impl_->by_init.find(init);
  if (known != impl_->by_init.end()) return *known->second;
  const Plugin &plugin = impl_->accept(init, "a built-in plugin", {});
  impl_->by_init.emplace(init, &plugin);
  return plugin;
}

const Plugin *Registry::plugin(const std::string &name) {
  if (const Plugin *plugin = impl_->loaded(name)) return plugin;
  const std::lock_guard lock(impl_->load);
  return impl_->load_named(name);
}

std::vector<const Plugin *> Registry::loaded() const {
  const std::shared_lock lock(impl_->tables);
  std::vector<const Plugin *> plugins;
  for (const auto &[name, l] : impl_->plugins) plugins.push_back(&l->plugin);
  return plugins;
}

std::vector<const Plugin *> Registry::load_all(std::vector<BrokenPlugin> &broken) {
  const std::lock_guard lock(impl_->load);
  for (const auto &[name, file] : impl_->scan()) {
    try {
      impl_->load_named(name);
    } catch (const Error &e) { broken.push_back({name, file.path, e.message}); }
  }
  return loaded();
}

const OperationSet *Registry::find(const std::string &name) {
  if (const OperationSet *set = impl_->lookup(name)) return set;
  const size_t dot = name.find('.');
  if (dot == std::string::npos || name.find('\0') != std::string::npos) return nullptr;
  const std::lock_guard lock(impl_->load);
  if (const OperationSet *set = impl_->lookup(name)) return set;
  const Namespace *space = impl_->namespace_of(name);
  if (space == nullptr) {
    impl_->load_named(name.substr(0, dot));
    for (const auto &[plugin, file] : impl_->scan()) {
      const auto provides = [&](const std::string &prefix) { return starts_with(name, prefix); };
      if (std::any_of(file.provides.begin(), file.provides.end(), provides)) impl_->load_named(plugin);
    }
    if (const OperationSet *set = impl_->lookup(name)) return set;
    space = impl_->namespace_of(name);
  }
  if (space != nullptr) return impl_->find_in(*space, name);
  impl_->warn_of_broken_files();
  return nullptr;
}

const OperationSet &Registry::require(const std::string &name) {
  if (const OperationSet *set = find(name)) return *set;
  const size_t at = name.find('@');
  const std::string base = name.substr(0, at), owner = name.substr(0, name.find('.'));
  const std::string shown = printable(name, 100);
  if (const Namespace *space = impl_->namespace_of(name)) {
    fail(MRUN_MISSING, "{}: {} of plugin {} has no such operation", shown, space->space->version, space->plugin->name);
  }
  if (impl_->loaded(owner) == nullptr) {
    fail(MRUN_MISSING, "{}: no such operation; the plugin {} that would bring it is not there", shown,
         printable(owner, 100));
  }
  std::string versions;
  std::set<std::string> names;
  for (const Operation *op : operations()) {
    if (op->plugin->name != owner) continue;
    names.insert(op->schema.name);
    if (op->schema.name == base) versions += (versions.empty() ? "" : ", ") + op->schema.full_name();
  }
  if (!versions.empty()) fail(MRUN_MISSING, "{}: plugin {} has no such version; there is {}", shown, owner, versions);
  const std::vector<std::string> candidates(names.begin(), names.end());
  fail(MRUN_MISSING, "{}: plugin {} has no such operation{}", shown, owner, did_you_mean(base, candidates));
}

const mrun_type *Registry::type(const std::string &name) {
  const auto known = [&]() -> const mrun_type * {
    const std::shared_lock lock(impl_->tables);
    const auto at = impl_->types.find(name);
    return at == impl_->types.end() ? nullptr : at->second;
  };
  if (const mrun_type *type = known()) return type;
  plugin(name.substr(0, name.find('.')));
  return known();
}

std::string Registry::library_version(const std::string &operation) {
  find(operation);
  const Namespace *space = impl_->namespace_of(operation);
  return space == nullptr || space->space->version == nullptr ? std::string() : space->space->version;
}

std::map<std::string, std::string> Registry::libraries() const {
  const std::shared_lock lock(impl_->tables);
  std::map<std::string, std::string> versions;
  for (const Namespace &n : impl_->namespaces) {
    if (n.space->version != nullptr) versions.emplace(n.prefix.substr(0, n.prefix.find('.')), n.space->version);
  }
  return versions;
}

std::vector<std::string> Registry::names(const std::string &prefix) const {
  const mrun_namespace *space = nullptr;
  {
    const std::shared_lock lock(impl_->tables);
    for (const Namespace &n : impl_->namespaces) {
      if (n.prefix == prefix) space = n.space;
    }
  }
  std::vector<std::string> all;
  if (space == nullptr || space->list == nullptr) return all;
  for (size_t i = 0; const char *name = space->list(i); ++i) all.push_back(prefix + name);
  std::sort(all.begin(), all.end());
  return all;
}

const Backend *Registry::backend(const std::string &name) {
  const auto wanted = [&](const mrun_backend &b) { return name == b.name; };
  if (const Backend *b = impl_->backend(wanted)) return b;
  plugin(name);  // a plugin's backend usually has its name
  return impl_->backend(wanted);
}

const Backend *Registry::backend_of_file(const std::string &filename) {
  const auto wanted = [&](const mrun_backend &b) { return has_suffix(b, filename); };
  if (const Backend *b = impl_->backend(wanted)) return b;
  const std::lock_guard lock(impl_->load);
  for (const auto &[plugin, file] : impl_->scan()) {
    const auto opens = [&](const std::string &suffix) { return ends_with(filename, suffix); };
    if (std::any_of(file.suffixes.begin(), file.suffixes.end(), opens)) impl_->load_named(plugin);
  }
  const Backend *found = impl_->backend(wanted);
  if (found == nullptr) impl_->warn_of_broken_files();
  return found;
}

std::vector<const Operation *> Registry::operations() const {
  const std::shared_lock lock(impl_->tables);
  std::vector<const Operation *> out;
  for (const auto &[name, l] : impl_->plugins) {
    for (const auto &op : l->registry.operations) out.push_back(op.get());
  }
  std::sort(out.begin(), out.end(), [](const Operation *a, const Operation *b) {
    return std::tie(a->schema.name, a->schema.version) < std::tie(b->schema.name, b->schema.version);
  });
  return out;
}

}  // namespace mrun
