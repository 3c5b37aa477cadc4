// Plugins that must be refused; -D chooses which.
#include <mrun/plugin.hpp>

#include <csignal>
#include <stdexcept>

#ifndef NO_SYMBOL
namespace {
int nothing(mrun_call *, const mrun_value *, mrun_value *, void *) { return MRUN_OK; }
[[maybe_unused]] const mrun_op fine{sizeof(mrun_op), 0, "hostile.fine@1() -> ()", "", nullptr, nothing, nullptr};

[[maybe_unused]] int add(const mrun_host *host, mrun_plugin *plugin, const char *schema,
                         const char *signature = nullptr, uint32_t flags = 0) {
  static mrun_op op;
  op = {sizeof(mrun_op), flags, schema, "", signature, nothing, nullptr};
  return host->add_op(plugin->registry, &op);
}
#ifdef RAISES
[[gnu::constructor]] void raise_as_it_is_loaded() { std::raise(SIGINT); }
#endif
[[maybe_unused]] const mrun_type unshared{sizeof(mrun_type), 0, "hostile.Thing", "", [](void *) {}, nullptr};
}  // namespace

extern "C" MRUN_EXPORT int mrun_plugin_init(const mrun_host *host, mrun_plugin *plugin) {
  plugin->size = sizeof *plugin;
  plugin->abi = MRUN_ABI;
  plugin->name = "hostile";
  plugin->version = "1";
#if !defined(TAKEN) && !defined(LONG_STRUCT)
  if (const int code = host->add_op(plugin->registry, &fine)) return code;
#endif
#if defined(OLD_HOST)
  plugin->abi = (MRUN_ABI_MAJOR + 1) << 16;
#elif defined(INIT_FAILS)
  return MRUN_MISSING;
#elif defined(SAYS_WHY)
  return host->fail(nullptr, MRUN_MISSING, "the %s is not there", "codec");
#elif defined(INIT_THROWS)
  throw std::runtime_error("on purpose");
#elif defined(BAD_SCHEMA)
  return add(host, plugin, "hostile.bad@1(tensor x) -> Tensor");
#elif defined(TWICE)
  return add(host, plugin, "hostile.fine@1(int x) -> ()");
#elif defined(TAKEN)
  plugin->name = "kit";
  return add(host, plugin, "kit.new@1() -> ()");
#elif defined(FOREIGN_NAME)
  return add(host, plugin, "image.resize@1(Tensor x) -> Tensor");
#elif defined(SIGNATURE)
  return add(host, plugin, "hostile.bad@1(Tensor x, int n) -> Tensor", "Tensor,float->Tensor");
#elif defined(NO_VERSION)
  return add(host, plugin, "hostile.bad(Tensor x) -> Tensor");
#elif defined(SHORT_STRUCT)
  static mrun_op small = fine;
  small.size = 16;
  return host->add_op(plugin->registry, &small);
#elif defined(NO_NAME)
  plugin->name = "../etc";
#elif defined(NO_SUCH_TYPE)
  return add(host, plugin, "hostile.bad@1() -> hostile.Nothing");
#elif defined(ONCE_NOT_SHAREABLE)
  if (const int code = host->add_type(plugin->registry, &unshared)) return code;
  return add(host, plugin, "hostile.bad@1() -> hostile.Thing", nullptr, MRUN_OP_ONCE);
#elif defined(STRAY_METHOD)
  if (const int code = host->add_type(plugin->registry, &unshared)) return code;
  return add(host, plugin, "hostile.Thing.bad@1(Tensor x) -> Tensor");
#elif defined(ODD_TYPE)
  static const mrun_type odd{sizeof(mrun_type), 0, "hostile.My Thing", "", nullptr, nullptr};
  return host->add_type(plugin->registry, &odd);
#elif defined(STD_NAME)
  plugin->name = "bundle";
#elif defined(TWO_LINES)
  plugin->version = "1\nerror()";
#elif defined(NOT_UTF8)
  static mrun_op latin = fine;
  latin.schema = "hostile.bad@1() -> ()", latin.doc = "Gr\xfc\xdf";
  return host->add_op(plugin->registry, &latin);
#elif defined(NO_REGISTRY)
  return host->add_op(nullptr, &fine);
#elif defined(OVERLOAD)
  return add(host, plugin, "hostile.bad:int@1(int x) -> ()");
#elif defined(ODD_SIZE)
  static mrun_op odd = fine;
  odd.size = sizeof odd + 4;
  return host->add_op(plugin->registry, &odd);
#elif defined(SPACE_TWICE) || defined(OTHERS_SPACE)
  static mrun_namespace space{};
  space.size = sizeof space, space.prefix = "kit.", space.version = "1";
  space.find = [](const char *, const mrun_op *const **, size_t *) { return int{MRUN_OK}; };
#if defined(SPACE_TWICE)
  space.prefix = "hostilens.";
  if (const int code = host->add_namespace(plugin->registry, &space)) return code;
#endif
  return host->add_namespace(plugin->registry, &space);
#elif defined(BACKEND_TWICE)
  static mrun_backend backend{};
  backend.size = sizeof backend, backend.name = "hostile";
  backend.open = [](mrun_call *, const mrun_model_source *, void **) { return int{MRUN_OK}; };
  backend.close = [](void *) {};
  backend.method = [](void *, size_t) -> const char * { return nullptr; };
  backend.call = [](mrun_call *, void *, size_t, const mrun_value *, mrun_value *) { return int{MRUN_OK}; };
  if (const int code = host->add_backend(plugin->registry, &backend)) return code;
  return host->add_backend(plugin->registry, &backend);
#elif defined(LONG_STRUCT)  // built with a newer header: fields behind those that this host knows; this one is fine
  plugin->size = sizeof *plugin + 64;
  plugin->name = "long_struct";
  for (size_t i = 0; i < 64; ++i) reinterpret_cast<char *>(plugin + 1)[i] = 1;
  return add(host, plugin, "long_struct.fine@1() -> ()");
#endif
  return MRUN_OK;
}
#else
extern "C" MRUN_EXPORT int something_else() { return 0; }
#endif
