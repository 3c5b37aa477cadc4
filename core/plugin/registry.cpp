#include "plugin/registry.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "base/log.h"
#include "base/mutex.h"
#include "base/text.h"
#include "plugin/code.h"
#include "plugin/shared_libraries.h"
#include "plugin/undescribed.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

bool has_suffix(const mrun_backend &backend, std::string_view file) {
  std::string_view rest = backend.suffixes == nullptr ? "" : backend.suffixes;
  while (!rest.empty()) {
    const size_t space = std::min(rest.find(' '), rest.size());
    const std::string_view suffix = rest.substr(0, space);
    if (!suffix.empty() && file.ends_with(suffix)) return true;
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return false;
}

// One form of what was looked up by `name`.
std::unique_ptr<Operation> found_operation(const mrun_op *given, const Plugin &plugin, const std::string &name,
                                           std::vector<std::unique_ptr<const mrun_op>> &kept) {
  try {
    auto op = make_operation(given, plugin, kept);
    if (op->schema.name != name) fail(MRUN_INTERNAL, "it gave {}", op->schema.name);
    if (op->schema.version != 0)
      fail(MRUN_INTERNAL, "it gave {}: a namespace's have no version", op->schema.full_name());
    return op;
  } catch (const Error &e) { fail(MRUN_INTERNAL, "{}: plugin {} was asked for it: {}", name, plugin.name, e.message); }
}

struct Namespace {
  std::string prefix;
  const mrun_namespace *space = nullptr;
  const Plugin *plugin = nullptr;
};

// What plugins bring, by name.
struct Tables {
  std::map<std::string, const Code *> plugins;
  std::unordered_map<std::string, std::unique_ptr<OperationSet>> sets;
  std::unordered_map<std::string, const mrun_type *> types;
  std::vector<std::unique_ptr<Namespace>> namespaces;
  std::vector<std::unique_ptr<Backend>> backends;

  // All of the other's, which is left empty; or, where it throws bad_alloc, none.
  void take(Tables &other) {
    sets.reserve(sets.size() + other.sets.size());
    types.reserve(types.size() + other.types.size());
    namespaces.reserve(namespaces.size() + other.namespaces.size());
    backends.reserve(backends.size() + other.backends.size());
    plugins.merge(other.plugins);
    sets.merge(other.sets);
    types.merge(other.types);
    std::ranges::move(other.namespaces, std::back_inserter(namespaces));
    std::ranges::move(other.backends, std::back_inserter(backends));
  }
};

// "OWNER.NAME": others are no operation's, and no plugin is loaded for them.
bool has_owner(const std::string &name) {
  return name.find('.') != std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

// Two locks: `load` is held while anything is loaded or looked up in a namespace (plugins' code runs under it), and
// `tables` only while the tables are read or changed.
struct Registry::Impl {
  explicit Impl(Registry &r) : registry(r) {}
  Registry &registry;
  Mutex load ACQUIRED_BEFORE(tables);
  mutable SharedMutex tables;

  // Nothing is ever taken out of these, so what they point to may be used without the lock.
  Tables all GUARDED_BY(tables);

  std::vector<std::unique_ptr<Operation>> found GUARDED_BY(load);  // of namespaces
  std::vector<std::unique_ptr<const mrun_op>> found_ops GUARDED_BY(load);
  std::optional<std::vector<fs::path>> folders GUARDED_BY(load);  // none: the default
  std::shared_ptr<const Catalog> files GUARDED_BY(load);
  bool warned GUARDED_BY(load) = false;

  const std::shared_ptr<const Catalog> &scan() REQUIRES(load) {
    if (files == nullptr) files = std::make_shared<const Catalog>(folders ? *folders : default_plugin_folders());
    return files;
  }

  const Plugin &accept(const Code &, const std::string &what) REQUIRES(load);
  const Plugin *load_named(const std::string &name) REQUIRES(load);
  void refuse_taken(const Code &, const std::string &what) REQUIRES(load);
  void refuse_in_place_of(const Code &, const std::string &what) REQUIRES(load);
  void publish(const Code &) REQUIRES(load);

  const OperationSet *lookup(const std::string &name) const {
    const SharedLock lock(tables);
    const auto at = all.sets.find(name);
    return at == all.sets.end() ? nullptr : at->second.get();
  }
  const Namespace *namespace_of(std::string_view operation) const {
    const SharedLock lock(tables);
    for (const auto &n : all.namespaces) {
      if (operation.starts_with(n->prefix)) return n.get();
    }
    return nullptr;
  }
  std::vector<std::string> prefixes_of(const std::string &plugin) const {
    const SharedLock lock(tables);
    std::vector<std::string> prefixes;
    for (const auto &n : all.namespaces) {
      if (n->plugin->name == plugin) prefixes.push_back(n->prefix);
    }
    return prefixes;
  }
  const Code *loaded(const std::string &name) const {
    const SharedLock lock(tables);
    const auto at = all.plugins.find(name);
    return at == all.plugins.end() ? nullptr : at->second;
  }
  // Where an operation of that name is: itself, or a namespace that may bring it. The plugin is loaded if need be.
  struct Place {
    const OperationSet *set = nullptr;
    const Namespace *space = nullptr;
  };
  Place place_of(const std::string &name) REQUIRES(load);
  static std::span<const mrun_op *const> overloads_in(const Namespace &, const std::string &name);
  const OperationSet *find_in(const Namespace &, const std::string &name) REQUIRES(load);
  void warn_of_broken_files() REQUIRES(load);
  const Backend *backend(const std::function<bool(const mrun_backend &)> &wanted) const {
    const SharedLock lock(tables);
    for (const auto &b : all.backends) {
      if (wanted(*b->backend)) return b.get();
    }
    return nullptr;
  }
};

// ---- loading

const Plugin &Registry::Impl::accept(const Code &code, const std::string &what) {
  if (loaded(code.plugin.name) != &code) {
    refuse_taken(code, what);
    publish(code);
  }
  return code.plugin;
}

void Registry::Impl::refuse_taken(const Code &code, const std::string &what) {
  if (const Code *same = loaded(code.plugin.name)) {
    const fs::path &other = same->plugin.path;
    fail(MRUN_USAGE, "{}: a plugin called {} is loaded already ({})", what, code.plugin.name,
         other.empty() ? "it is built in" : other.string());
  }
  for (const auto &space : code.registry.namespaces) {
    if (const Namespace *n = namespace_of(space->prefix)) {
      fail(MRUN_USAGE, "{}: the namespace {} belongs to plugin {} already", what, n->prefix, n->plugin->name);
    }
    // Its operations would no more be looked for there.
    const std::string name(space->prefix, std::strlen(space->prefix) - 1);
    if (name != code.plugin.name && (loaded(name) != nullptr || scan()->find(name) != nullptr)) {
      fail(MRUN_USAGE, "{}: the namespace {} is where the operations of plugin {} are", what, space->prefix, name);
    }
  }
  if (const Namespace *n = namespace_of(code.plugin.name + ".")) {
    fail(MRUN_USAGE, "{}: a plugin's operations cannot be where the namespace {} of plugin {} is", what, n->prefix,
         n->plugin->name);
  }
  for (const auto &given : code.registry.backends) {
    const std::string_view name = given->name;
    if (const Backend *b = backend([&](const mrun_backend &other) { return name == other.name; })) {
      fail(MRUN_USAGE, "{}: the backend {} belongs to plugin {} already", what, name, b->plugin->name);
    }
  }
}

// A plugin of the folders is replaced by what comes before it there, not by a name that happens to be its.
void Registry::Impl::refuse_in_place_of(const Code &code, const std::string &what) {
  const PluginFile *file = scan()->find(code.plugin.name);
  std::error_code error;
  if (file == nullptr) return;
  // Where no file can be looked at, what is loaded was looked at before.
  if (!code.plugin.path.empty() && (fs::equivalent(file->path, code.plugin.path, error) || error)) return;
  fail(MRUN_USAGE,
       "{}: there is a plugin called {} already ({}); to use another in its place, put the folder of its {}.so first "
       "(MRUN_PLUGIN_PATH, mrun_plugin_folders)",
       what, code.plugin.name, file->path.string(), code.plugin.name);
}

// Whole or, where memory runs out, not at all: half of a plugin would stand in its own way when it is loaded again. So what
// wants memory comes first.
void Registry::Impl::publish(const Code &code) {
  const Plugin *plugin = &code.plugin;
  Tables own;
  for (const auto &op : code.registry.operations) {
    const std::string name = op->schema.full_name();
    own.sets.emplace(name, std::make_unique<OperationSet>(OperationSet{name, plugin, {op.get()}, &registry}));
  }
  own.types.insert(code.registry.types.begin(), code.registry.types.end());
  for (const auto &space : code.registry.namespaces) {
    own.namespaces.push_back(std::make_unique<Namespace>(Namespace{space->prefix, space.get(), plugin}));
  }
  for (const auto &b : code.registry.backends) {
    own.backends.push_back(std::make_unique<Backend>(Backend{b.get(), plugin, &registry}));
  }
  own.plugins.emplace(plugin->name, &code);
  const ExclusiveLock lock(tables);
  all.take(own);
}

const Plugin *Registry::Impl::load_named(const std::string &name) {
  if (const Code *code = loaded(name)) return &code->plugin;
  const PluginFile *file = scan()->find(name);
  if (file == nullptr) return nullptr;
  if (!file->broken.empty()) throw Error(MRUN_USAGE, file->broken);
  const Code &code = load_code(file->path);
  if (code.plugin.name != name) {
    fail(MRUN_USAGE, "{}: the plugin in it calls itself {}", file->path.string(), code.plugin.name);
  }
  return &accept(code, file->path.string());
}

Registry::Impl::Place Registry::Impl::place_of(const std::string &name) {
  if (const OperationSet *set = lookup(name)) return {set, nullptr};
  if (const Namespace *space = namespace_of(name)) return {nullptr, space};
  load_named(name.substr(0, name.find('.')));
  for (const std::string &plugin : scan()->providers(name)) load_named(plugin);
  if (const OperationSet *set = lookup(name)) return {set, nullptr};
  return {nullptr, namespace_of(name)};
}

std::span<const mrun_op *const> Registry::Impl::overloads_in(const Namespace &n, const std::string &name) {
  const mrun_op *const *ops = nullptr;
  size_t count = 0;
  const int code = run_native(name, [&] { return n.space->find(name.c_str() + n.prefix.size(), &ops, &count); });
  if (code != MRUN_OK)
    fail(MRUN_INTERNAL, "{}: plugin {} could not look it up ({})", name, n.plugin->name, code_name(code));
  if (count > 0 && ops == nullptr) {
    fail(MRUN_INTERNAL, "{}: plugin {} found {} forms and gave none", name, n.plugin->name, count);
  }
  return {ops, count};
}

const OperationSet *Registry::Impl::find_in(const Namespace &n, const std::string &name) {
  const std::span overloads = overloads_in(n, name);
  if (overloads.empty()) return nullptr;
  std::vector<std::unique_ptr<Operation>> made;
  for (const mrun_op *op : overloads) made.push_back(found_operation(op, *n.plugin, name, found_ops));
  std::stable_sort(made.begin(), made.end(),
                   [](const auto &a, const auto &b) { return a->schema.overload < b->schema.overload; });
  auto set = std::make_unique<OperationSet>(OperationSet{name, n.plugin, {}, &registry});
  for (auto &op : made) {
    set->overloads.push_back(op.get());
    found.push_back(std::move(op));
  }
  const ExclusiveLock lock(tables);
  return all.sets.emplace(name, std::move(set)).first->second.get();
}

// A plugin whose NAME.json is wrong brings nothing: said once, when something was looked for in vain.
void Registry::Impl::warn_of_broken_files() {
  if (std::exchange(warned, true)) return;
  for (const auto &[name, file] : scan()->files()) {
    if (!file.broken.empty()) log(LogLevel::warn, fmt::format("plugin {} is left out: {}", name, file.broken));
  }
}

// ---- the public face

Registry::Registry() : impl_(std::make_unique<Impl>(*this)) {}
Registry::Registry(std::vector<fs::path> folders) : Registry() { set_folders(std::move(folders)); }
Registry::~Registry() = default;

void Registry::set_folders(std::vector<fs::path> folders) {
  const ExclusiveLock lock(impl_->load);
  impl_->folders = std::move(folders);
  impl_->files = nullptr;
  impl_->warned = false;
}

std::vector<fs::path> Registry::folders() const {
  const ExclusiveLock lock(impl_->load);
  return impl_->folders ? *impl_->folders : default_plugin_folders();
}

std::shared_ptr<const Catalog> Registry::catalog() {
  const ExclusiveLock lock(impl_->load);
  return impl_->scan();
}

const Plugin &Registry::load(const fs::path &path) {
  const ExclusiveLock lock(impl_->load);
  const Code *const code = &load_code(path);  // never freed; by pointer: GCC 14 takes a reference for the path's
  impl_->refuse_in_place_of(*code, path.string());
  return impl_->accept(*code, path.string());
}

const Plugin &Registry::add(int (*init)(const mrun_host *, mrun_plugin *)) {
  const ExclusiveLock lock(impl_->load);
  const Code &code = linked_code(init);
  impl_->refuse_in_place_of(code, "a built-in plugin");
  return impl_->accept(code, "a built-in plugin");
}

const Plugin *Registry::plugin(const std::string &name) {
  if (const Code *code = impl_->loaded(name)) return &code->plugin;
  const ExclusiveLock lock(impl_->load);
  return impl_->load_named(name);
}

std::vector<const Plugin *> Registry::loaded() const {
  const SharedLock lock(impl_->tables);
  std::vector<const Plugin *> plugins;
  for (const auto &[name, code] : impl_->all.plugins) plugins.push_back(&code->plugin);
  return plugins;
}

std::vector<const Plugin *> Registry::load_all(std::vector<BrokenPlugin> &broken) {
  const ExclusiveLock lock(impl_->load);
  for (const auto &[name, file] : impl_->scan()->files()) {
    try {
      impl_->load_named(name);
    } catch (const Error &e) { broken.push_back({name, file.path, e.message}); }
  }
  return loaded();
}

const OperationSet *Registry::find(const std::string &name) {
  if (const OperationSet *set = impl_->lookup(name)) return set;
  if (!has_owner(name)) return nullptr;
  const ExclusiveLock lock(impl_->load);
  const auto [set, space] = impl_->place_of(name);
  if (set != nullptr) return set;
  if (space != nullptr) return impl_->find_in(*space, name);
  impl_->warn_of_broken_files();
  return nullptr;
}

bool Registry::offers(const std::string &name) {
  if (impl_->lookup(name) != nullptr) return true;
  if (!has_owner(name)) return false;
  const ExclusiveLock lock(impl_->load);
  const auto [set, space] = impl_->place_of(name);
  if (set != nullptr || (space != nullptr && !impl_->overloads_in(*space, name).empty())) return true;
  if (space == nullptr) impl_->warn_of_broken_files();
  return false;
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
    fail(MRUN_MISSING, "{}: no such operation; the plugin {} that would bring it is not there{}", shown,
         printable(owner, 100), undescribed(*catalog()));
  }
  std::string versions;
  std::set<std::string> names;
  for (const Operation *op : operations()) {
    if (op->plugin->name != owner) continue;
    names.insert(op->schema.name);
    if (op->schema.name == base) versions += (versions.empty() ? "" : ", ") + op->schema.full_name();
  }
  if (!versions.empty()) fail(MRUN_MISSING, "{}: plugin {} has no such version; there is {}", shown, owner, versions);
  std::string meant = did_you_mean(base, std::vector<std::string>(names.begin(), names.end()));
  for (const std::string &prefix : impl_->prefixes_of(owner)) {
    const std::string there = prefix + base.substr(std::min(base.size(), owner.size() + 1));
    if (meant.empty() && find(there) != nullptr) meant = fmt::format("; there is {}", printable(there, 100));
  }
  fail(MRUN_MISSING, "{}: plugin {} has no such operation{}", shown, owner, meant);
}

const mrun_type *Registry::type(const std::string &name) {
  const auto known = [&]() -> const mrun_type * {
    const SharedLock lock(impl_->tables);
    const auto at = impl_->all.types.find(name);
    return at == impl_->all.types.end() ? nullptr : at->second;
  };
  if (const mrun_type *type = known()) return type;
  plugin(name.substr(0, name.find('.')));
  return known();
}

std::string Registry::tensor_module() {
  for (const Plugin *p : loaded()) {
    if (p->tensor_methods) return p->name;
  }
  for (const auto &[name, file] : catalog()->files()) {
    if (file.tensor_methods) return name;
  }
  return {};
}

std::string Registry::library_version(const std::string &operation) {
  find(operation);
  const Namespace *space = impl_->namespace_of(operation);
  return space == nullptr || space->space->version == nullptr ? std::string() : space->space->version;
}

std::map<std::string, std::string> Registry::libraries() const {
  const SharedLock lock(impl_->tables);
  std::map<std::string, std::string> versions;
  for (const auto &n : impl_->all.namespaces) {
    if (n->space->version != nullptr) versions.emplace(n->prefix.substr(0, n->prefix.find('.')), n->space->version);
  }
  return versions;
}

Registry::Versions Registry::versions() const {
  Versions versions;
  std::vector<std::string> files;
  for (const Plugin *p : loaded()) {
    versions.plugins.emplace(p->name, p->version);
    files.push_back(p->path.native());
  }
  versions.libraries = shared_libraries(files);
  versions.libraries.merge(libraries());
  return versions;
}

std::vector<std::string> Registry::names(const std::string &prefix) const {
  const Namespace *found = impl_->namespace_of(prefix);
  std::vector<std::string> all;
  if (found == nullptr || found->space->list == nullptr) return all;
  for (size_t i = 0; const char *name = found->space->list(i); ++i) all.push_back(prefix + name);
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
  const ExclusiveLock lock(impl_->load);
  for (const std::string &plugin : impl_->scan()->openers(filename)) impl_->load_named(plugin);
  const Backend *found = impl_->backend(wanted);
  if (found == nullptr) impl_->warn_of_broken_files();
  return found;
}

std::vector<const Operation *> Registry::operations() const {
  const SharedLock lock(impl_->tables);
  std::vector<const Operation *> out;
  for (const auto &[name, code] : impl_->all.plugins) {
    for (const auto &op : code->registry.operations) out.push_back(op.get());
  }
  std::sort(out.begin(), out.end(), [](const Operation *a, const Operation *b) {
    return std::tie(a->schema.name, a->schema.version) < std::tie(b->schema.name, b->schema.version);
  });
  return out;
}

}  // namespace mrun
