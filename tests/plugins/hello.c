/* A plugin in C: hello.negate (a new tensor), hello.until (calls back, polls the deadline). */
#include "mrun/plugin.h"
static const mrun_host *host;
static int negate(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  const DLTensor *x = &args[0].as.tensor.dl->dl_tensor;
  (void)user;
  if (x->ndim != 1 || x->dtype.code != kDLFloat || x->dtype.bits != 32 || x->device.device_type != kDLCPU)
    return host->fail(call, MRUN_ARGUMENT, "hello.negate: x: want a 1-D float32 CPU tensor, got %d dimensions",
                      (int)x->ndim);
  int code = host->tensor_new(call, x->dtype, x->shape, 1, x->device, &results[0]);
  if (code) return code;
  const char *in = (const char *)x->data + x->byte_offset;
  float *out = (float *)results[0].as.tensor.dl->dl_tensor.data;
  int64_t step = x->strides ? x->strides[0] : 1;
  for (int64_t i = 0; i < x->shape[0]; ++i) out[i] = -((const float *)in)[i * step];
  return MRUN_OK;
}
static int until(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  mrun_value n = {MRUN_INT, 0, {0}, 0};
  (void)user;
  for (n.as.integer = 0; n.as.integer < args[1].as.integer; ++n.as.integer) {
    mrun_value done = {0, 0, {0}, 0};
    size_t count = 1;
    int code = host->stopped(call);
    if (!code) code = host->call(call, args[0].as.function, &n, 1, &done, &count);
    if (code) return code;
    int stop = count == 1 && done.kind == MRUN_BOOL && done.as.boolean;
    host->value_free(&done);
    if (stop) break;
  }
  results[0] = n;
  return MRUN_OK;
}
static const mrun_op ops[] = {
    {sizeof(mrun_op), 0, "hello.negate@1(Tensor x) -> Tensor", "Minus x.", NULL, negate, NULL},
    {sizeof(mrun_op), 0, "hello.until@1(Callable f, int limit=100) -> int",
     "Calls f(0), f(1) ... until it returns true.", NULL, until, NULL}};
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof *plugin, plugin->abi = MRUN_ABI, plugin->name = "hello", plugin->version = "1.0.0";
  for (size_t i = 0; i < sizeof ops / sizeof *ops; ++i) {
    int code = h->add_op(plugin->registry, &ops[i]);
    if (code) return code;
  }
  return MRUN_OK;
}
