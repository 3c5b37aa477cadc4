/* A plugin for tests: models whose file names what is wrong with them. */
#include <mrun/plugin.h>
#include <stdlib.h>
#include <string.h>

static const mrun_host *host;
static char freed[1]; /* what a failing open left behind */

static int open_model(mrun_call *call, const mrun_model_source *source, void **model) {
  char *fault = calloc(1, source->graph.size + 1);
  if (!fault) return MRUN_MEMORY;
  memcpy(fault, source->graph.data, source->graph.size);
  if (strcmp(fault, "warns") == 0) host->log(call, 2, "the model is old");
  *model = fault;
  if (strcmp(fault, "freed") != 0) return MRUN_OK;
  free(fault);
  *model = freed;
  return host->fail(call, MRUN_MODEL, "this model is none");
}
static void close_model(void *model) {
  if (model == freed) abort();
  free(model);
}
static const char *method(void *model, size_t index) {
  if (strcmp(model, "no schema") == 0) return index == 0 ? "forward(Tensor x" : NULL;
  if (strcmp(model, "two methods") == 0 && index == 1) return "forward(Tensor y) -> Tensor";
  return index == 0 ? "forward(Tensor x) -> Tensor" : NULL;
}
static int run(mrun_call *call, void *model, size_t index, const mrun_value *args, mrun_value *results) {
  (void)index;
  if (strcmp(model, "silent") == 0) return MRUN_MODEL;
  return host->value_copy(call, &args[0], &results[0]);
}
static int half(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)args, (void)results, (void)user;
  return host->fail(call, MRUN_ARGUMENT, "faulty.half: want 1, got %.2f", 0.5);
}
static const mrun_op fails = {sizeof(mrun_op), 0, "faulty.half@1() -> ()", "", NULL, half, NULL};
static mrun_backend backend;
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof *plugin, plugin->abi = MRUN_ABI, plugin->name = "faulty", plugin->version = "1";
  backend.size = sizeof backend, backend.name = "faulty", backend.suffixes = ".faulty", backend.parallel = 1;
  backend.open = open_model, backend.close = close_model, backend.method = method, backend.call = run;
  int code = h->add_op(plugin->registry, &fails);
  return code ? code : h->add_backend(plugin->registry, &backend);
}
