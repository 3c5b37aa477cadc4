/* A plugin that uses all that plugin.h had in ABI 1.0, built with the headers of every release. What it says of sizes holds for ever:
 * a plugin that was built then has them in it. */
#include <mrun/plugin.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_IS(type, bytes) typedef char size_of_##type[sizeof(type) == (bytes) ? 1 : -1]
SIZE_IS(mrun_value, 32);
SIZE_IS(mrun_entry, 48);
#if MRUN_ABI_MINOR == 0
SIZE_IS(mrun_op, 48);
SIZE_IS(mrun_type, 40);
SIZE_IS(mrun_namespace, 40);
SIZE_IS(mrun_model_source, 56);
SIZE_IS(mrun_backend, 88);
SIZE_IS(mrun_await, 40);
SIZE_IS(mrun_plugin, 56);
#endif

static const mrun_host *host;

/* ---- values: every kind in, every kind out */

static int mix(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  mrun_value items[3], again;
  mrun_entry entry;
  int64_t shape[1] = {2};
  DLDataType type = {kDLFloat, 32, 1};
  DLDevice cpu = {kDLCPU, 0};
  int code;
  (void)user;
  memset(items, 0, sizeof items), memset(&entry, 0, sizeof entry), memset(&again, 0, sizeof again);
  items[0].kind = MRUN_INT, items[0].as.integer = args[0].as.integer + (int64_t)args[4].as.list.size;
  items[1].kind = MRUN_FLOAT, items[1].as.number = args[1].as.number;
  code = host->tensor_new(call, type, shape, 1, cpu, &items[2]);
  if (code) return code;
  ((float *)items[2].as.tensor.dl->dl_tensor.data)[0] = (float)args[1].as.number;
  ((float *)items[2].as.tensor.dl->dl_tensor.data)[1] = args[5].kind == MRUN_NIL ? 0 : 1;
  code = host->value_copy(call, &items[2], &again);
  host->value_free(&again);
  if (!code) code = host->list_new(call, items, 3, &results[0]);
  entry.key.data = args[2].as.string.data, entry.key.size = args[2].as.string.size;
  entry.value.kind = MRUN_BOOL, entry.value.as.boolean = args[3].as.boolean;
  if (!code) code = host->map_new(call, &entry, 1, &results[1]);
  return code ? code : host->string_new(call, "text", 4, &results[2]);
}

static int refuses(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)args, (void)results, (void)user;
  return host->fail(call, MRUN_ARGUMENT, "kept.refuses: %s %d", "never", 7);
}

static int uses(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  void *memory = NULL;
  uint64_t seed = 0;
  int code = host->alloc(call, (size_t)args[0].as.integer, &memory);
  (void)user;
  if (code) return code;
  memset(memory, 1, (size_t)args[0].as.integer);
  host->release(memory);
  code = host->charge(call, args[0].as.integer);
  if (!code) code = host->charge(call, -args[0].as.integer);
  if (!code) code = host->seed(call, 0, &seed);
  if (!code) code = host->stopped(call);
  host->log(call, 1, "kept.uses");
  results[0].kind = MRUN_INT, results[0].as.integer = host->threads(call) >= 1;
  return code;
}

/* ---- an object, a method, a tensor that it stands for */

static void destroy(void *self) { free(self); }
static int to_tensor(mrun_call *call, void *self, mrun_value *out) {
  int64_t shape[1] = {1};
  DLDataType type = {kDLInt, 64, 1};
  DLDevice cpu = {kDLCPU, 0};
  int code = host->tensor_new(call, type, shape, 1, cpu, out);
  if (!code) *(int64_t *)out->as.tensor.dl->dl_tensor.data = *(int64_t *)self;
  return code;
}
static const mrun_type number = {sizeof(mrun_type), MRUN_TYPE_SHAREABLE, "kept.Number", "A number.", destroy,
                                 to_tensor};
static int make(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  int64_t *self = malloc(sizeof *self);
  (void)user;
  if (!self) return host->fail(call, MRUN_MEMORY, "kept.number: no memory");
  *self = args[0].as.integer;
  return host->object_new(call, &number, self, &results[0]);
}
static int get(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  const int64_t *self = host->object_get(&args[0], &number);
  (void)call, (void)user;
  results[0].kind = MRUN_INT, results[0].as.integer = *self;
  return MRUN_OK;
}
static int first(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)call, (void)user;
  results[0].kind = MRUN_INT, results[0].as.integer = *(int64_t *)args[0].as.tensor.dl->dl_tensor.data;
  return MRUN_OK;
}

/* ---- calling back, and a task */

static int apply(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  size_t count = 1;
  (void)user;
  return host->call(call, args[0].as.function, &args[1], 1, results, &count);
}
static int finds(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  mrun_function *f = NULL;
  size_t count = 1;
  int code = host->find(call, "kept.number@1", &f);
  (void)user;
  return code ? code : host->call(call, f, args, 1, results, &count);
}
static int resume(mrun_call *call, void *state, mrun_value *got, size_t count, mrun_value *results) {
  (void)call, (void)state;
  if (count > 0) results[0] = got[0], memset(&got[0], 0, sizeof got[0]);
  return MRUN_OK;
}
static int waits(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  mrun_await how = {sizeof how, 0, NULL, resume, destroy, NULL};
  mrun_value given;
  int code;
  (void)results, (void)user;
  memset(&given, 0, sizeof given);
  how.state = malloc(1);
  code = host->value_copy(call, &args[1], &given);
  if (code) return destroy(how.state), code;
  return host->await(call, args[0].as.function, &given, 1, &how);
}

static const mrun_op ops[] = {
    {sizeof(mrun_op), 0,
     "kept.mix@1(int a, float b=0.5, str s='key', bool t=True, int[2] pair=[1, 2], *, Tensor? x=None) -> (Any, "
     "Dict(str, bool), str)",
     "Every kind.", "int,float,str,bool,int[],Tensor?->Any,Any,str", mix, NULL},
    {sizeof(mrun_op), 0, "kept.refuses@1() -> ()", "Fails.", NULL, refuses, NULL},
    {sizeof(mrun_op), MRUN_OP_RANDOM, "kept.uses@1(int bytes) -> int", "Memory, time, numbers.", NULL, uses, NULL},
    {sizeof(mrun_op), MRUN_OP_ONCE, "kept.number@1(int n) -> kept.Number", "A number.", NULL, make, NULL},
    {sizeof(mrun_op), 0, "kept.Number.get@1(kept.Number self) -> int", "It.", NULL, get, NULL},
    {sizeof(mrun_op), MRUN_OP_SERIAL, "kept.first@1(Tensor x) -> int", "Its first element.", NULL, first, NULL},
    {sizeof(mrun_op), 0, "kept.apply@1(Callable f, Any x) -> Any", "f(x).", NULL, apply, NULL},
    {sizeof(mrun_op), 0, "kept.finds@1(int n) -> Any", "Another operation's.", NULL, finds, NULL},
    {sizeof(mrun_op), 0, "kept.waits@1(Callable f, Any x) -> Any", "f(x), joined.", NULL, waits, NULL},
};

/* ---- a namespace */

static int shout(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)user;
  return host->string_new(call, args[0].as.string.data, args[0].as.string.size, &results[0]);
}
static const mrun_op lazy = {sizeof(mrun_op), 0, "keptns.shout:str(str s) -> str", "s.", NULL, shout, NULL};
static const mrun_op *const overloads[] = {&lazy};
static int find_lazy(const char *name, const mrun_op *const **out, size_t *count) {
  *count = strcmp(name, "shout") == 0;
  *out = overloads;
  return MRUN_OK;
}
static const char *list_lazy(size_t index) { return index == 0 ? "shout" : NULL; }
static const mrun_namespace names = {sizeof(mrun_namespace), 0, "keptns.", "kept 1", find_lazy, list_lazy};

/* ---- a backend: "kept N", which adds N, and can be split into "kept" and a tensor N */

typedef struct model {
  float add;
} model;
static int open_model(mrun_call *call, const mrun_model_source *source, void **out) {
  model *m = NULL;
  const char *text = source->graph.data;
  if (source->graph.size < 5 || memcmp(text, "kept ", 5) != 0) return host->fail(call, MRUN_MODEL, "no kept model");
  m = calloc(1, sizeof *m);
  if (!m) return host->fail(call, MRUN_MEMORY, "no memory");
  m->add = source->weights ? *(float *)source->weights->as.map.items[0].value.as.tensor.dl->dl_tensor.data
                           : (float)(text[5 < source->graph.size ? 5 : 0] - '0');
  *out = m;
  return MRUN_OK;
}
static const char *method(void *m, size_t index) {
  (void)m;
  return index == 0 ? "forward(Tensor x) -> Tensor" : NULL;
}
/* The i-th element in row-major order, whatever the strides are. */
static float at(const DLTensor *x, int64_t i) {
  int64_t offset = 0, step = 1;
  int32_t d;
  for (d = x->ndim - 1; d >= 0; step *= x->shape[d--]) {
    offset += i / step % x->shape[d] * (x->strides ? x->strides[d] : step);
  }
  return ((const float *)((const char *)x->data + x->byte_offset))[offset];
}
static int run(mrun_call *call, void *self, size_t index, const mrun_value *args, mrun_value *results) {
  const DLTensor *x = &args[0].as.tensor.dl->dl_tensor;
  int64_t n = 1, i;
  int32_t d;
  int code = host->stopped(call);
  (void)index;
  if (code) return code;
  if (x->dtype.code != kDLFloat || x->dtype.bits != 32) { return host->fail(call, MRUN_MODEL, "x: want float32"); }
  code = host->tensor_new(call, x->dtype, x->shape, x->ndim, x->device, &results[0]);
  for (d = 0; d < x->ndim; ++d) n *= x->shape[d];
  for (i = 0; !code && i < n; ++i) {
    ((float *)results[0].as.tensor.dl->dl_tensor.data)[i] = at(x, i) + ((model *)self)->add;
  }
  return code;
}
static int split(mrun_call *call, const void *data, size_t size, mrun_value *graph, mrun_value *weights) {
  int64_t shape[1] = {5};
  DLDataType bytes = {kDLUInt, 8, 1}, type = {kDLFloat, 32, 1};
  DLDevice cpu = {kDLCPU, 0};
  mrun_entry entry;
  int code = host->tensor_new(call, bytes, shape, 1, cpu, graph);
  if (code) return code;
  if (size < 6) return host->fail(call, MRUN_MISSING, "nothing to split");
  memset(&entry, 0, sizeof entry);
  memcpy(graph->as.tensor.dl->dl_tensor.data, "kept ", 5);
  shape[0] = 1;
  code = host->tensor_new(call, type, shape, 1, cpu, &entry.value);
  if (code) return code;
  *(float *)entry.value.as.tensor.dl->dl_tensor.data = (float)(((const char *)data)[5] - '0');
  entry.key.data = "add", entry.key.size = 3;
  return host->map_new(call, &entry, 1, weights);
}
static uint32_t traits(void *m, size_t index) { return (void)m, (void)index, 0; }
static int clone(mrun_call *call, void *m, void **out) {
  (void)call;
  *out = malloc(sizeof(model));
  if (*out) memcpy(*out, m, sizeof(model));
  return *out ? MRUN_OK : MRUN_MEMORY;
}
static const mrun_backend backend = {
    sizeof(mrun_backend), 0, "kept", ".kept", open_model, destroy, method, run, 1, split, traits, clone};

static const char lua[] =
    "local kept = {shout = native 'keptns.shout', get = native 'kept.Number.get@1'}\n"
    "kept.mix, kept.refuses, kept.uses = native 'kept.mix@1', native 'kept.refuses@1', native 'kept.uses@1'\n"
    "kept.number, kept.first, kept.apply = native 'kept.number@1', native 'kept.first@1', native 'kept.apply@1'\n"
    "kept.finds, kept.waits = native 'kept.finds@1', native 'kept.waits@1'\n"
    "return kept\n";

MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  size_t i;
  int code;
  host = h;
  if (h->size < sizeof(mrun_host) || h->version == NULL) return MRUN_USAGE;
  plugin->size = sizeof *plugin, plugin->abi = MRUN_ABI, plugin->name = "kept", plugin->version = "1.0.0";
  plugin->doc = "All of the ABI.", plugin->license = "MIT", plugin->lua = lua;
  code = h->add_type(plugin->registry, &number);
  for (i = 0; !code && i < sizeof ops / sizeof *ops; ++i) code = h->add_op(plugin->registry, &ops[i]);
  if (!code) code = h->add_namespace(plugin->registry, &names);
  return code ? code : h->add_backend(plugin->registry, &backend);
}
