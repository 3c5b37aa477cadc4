// Registry: plugins that a host, an engine or a test works with: their operations, types, namespaces, backends and Lua
// modules. There may be several, with different plugins; the code behind them is loaded once a process (code.h). Any
// thread. It must outlive what it was given to and every OperationSet and Backend that it returned; plugins, types and
// operations' schemas are the code's and live as long as the process.
//
// Plugins are found by name in the search folders (catalog.h) and loaded when something of them is first asked for.
#pragma once
#include <mrun/plugin.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/call.h"
#include "plugin/catalog.h"
#include "plugin/schema.h"

namespace mrun {

struct Plugin {
  std::string name, version, doc, license;
  std::filesystem::path path;   // empty: linked in
  std::string lua;              // the text of its Lua module; generated where the plugin brings none
  bool tensor_methods = false;  // which gives tensors their operators and methods
};

// A file in the plugin folders that could not become a plugin.
struct BrokenPlugin {
  std::string name;
  std::filesystem::path path;
  std::string reason;
};

struct Operation {
  Schema schema;
  const mrun_op *op = nullptr;
  const Plugin *plugin = nullptr;
  bool writes = false;         // an argument is written in place
  bool takes_objects = false;  // an argument is an object
  bool serial() const { return (op->flags & MRUN_OP_SERIAL) != 0; }
  bool once() const { return (op->flags & MRUN_OP_ONCE) != 0; }
  bool random() const { return (op->flags & MRUN_OP_RANDOM) != 0; }
};

// A name's overloads: one for a plugin's operation, several for a namespace's.
struct OperationSet {
  std::string name;  // "image.resize@1", "aten.softmax"
  const Plugin *plugin = nullptr;
  std::vector<const Operation *> overloads;  // never empty; by overload name
  Registry *registry = nullptr;              // where it was found
};

// What host->find gives: an operation as something to call.
struct OperationFunction : mrun_function {
  explicit OperationFunction(const OperationSet &s) : set(s) {}
  const char *kind() const override { return "an operation"; }
  const OperationSet &set;
};

struct Backend {
  const mrun_backend *backend = nullptr;
  const Plugin *plugin = nullptr;
  Registry *registry = nullptr;  // where it was found
};

class Registry {
 public:
  Registry();  // with the default folders, which are read on first need
  explicit Registry(std::vector<std::filesystem::path> folders);
  ~Registry();
  Registry(const Registry &) = delete;
  Registry &operator=(const Registry &) = delete;

  void set_folders(std::vector<std::filesystem::path>);
  std::vector<std::filesystem::path> folders() const;
  std::shared_ptr<const Catalog> catalog();  // of the folders
  // Throws MISSING (no such file), USAGE (not a plugin, wrong ABI, a name that is taken, a wrong schema). One that is
  // here is given back as it is.
  const Plugin &load(const std::filesystem::path &);
  const Plugin &add(int (*init)(const mrun_host *, mrun_plugin *));  // linked in; the same function again: no change
  const Plugin *plugin(const std::string &name);                     // loads it if need be; null if there is none
  std::vector<const Plugin *> loaded() const;                        // by name
  // Everything in the folders too, for `mrun plugins` and `mrun ops`: loaded() then. What is broken does not keep the
  // others out; `broken` gets it, by name.
  std::vector<const Plugin *> load_all(std::vector<BrokenPlugin> &broken);

  // "image.resize@1", "text.SentencePiece.encode@1", "aten.softmax". Loads the plugin if need be; null if there is
  // none. Lookups are cached and cheap (a shared lock and a hash).
  const OperationSet *find(const std::string &name);
  // Whether find would give one. Of a namespace's operation no schema is read for it: a bundle may list hundreds.
  bool offers(const std::string &name);
  // Throws MISSING, naming the operation, the plugin that would bring it, and the versions there are.
  const OperationSet &require(const std::string &name);
  const mrun_type *type(const std::string &name);
  // The plugin, loaded or not, whose Lua module gives tensors their operators and methods; empty: there is none.
  std::string tensor_module();
  // The prefix's library: "libtorch 1.13.1" for "aten.softmax"; empty for a plugin's own operations.
  std::string library_version(const std::string &operation);
  // What the namespace "aten." of what is loaded offers, sorted: {"aten.abs", …}; nothing where there is no such.
  std::vector<std::string> names(const std::string &prefix) const;
  // Of the namespaces of what is loaded, by prefix: {"aten", "libtorch 1.13.1"}.
  std::map<std::string, std::string> libraries() const;
  // What answers depend on beside the bundle: plugins by name, and beside libraries() what plugins are linked with. Reads files.
  struct Versions {
    std::map<std::string, std::string> plugins, libraries;
  };
  Versions versions() const;
  const Backend *backend(const std::string &name);              // "torch"
  const Backend *backend_of_file(const std::string &filename);  // by suffix
  std::vector<const Operation *> operations() const;  // of all loaded plugins, without namespaces, by name and version

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls an operation: checks and binds the arguments, picks the overload, refuses read-only tensors where it writes and
// objects that are in use, resolves objects with to_tensor where a Tensor is wanted, serializes MRUN_OP_SERIAL, turns
// codes into Errors. Returns the results, or nothing where the operation awaits (MRUN_PENDING; `call.host->await` has
// been called). One mrun_call may serve several operations, one after the other or one inside a callback of another.
// MRUN_OP_ONCE is the caller's: he keeps the result.
struct CallResult {
  bool pending = false;
  std::vector<Value> values;
};
CallResult call_operation(const OperationSet &, mrun_call &, std::span<const mrun_value> positional,
                          const mrun_value &keywords = mrun_value{});

// The tensor that an object of a type with to_tensor stands for: computed once, on first need. Throws what to_tensor
// fails with.
Tensor tensor_of(mrun_object &, mrun_call &);

// The one host table.
const mrun_host &host_table();

}  // namespace mrun
