/* A plugin of ABI 1.0: its structs end where they ended then, and what lies behind them is not to be read. */
#include "mrun/plugin.h"

#include <string.h>

enum { op_size = 48, type_size = 40, plugin_size = 56, await_size = 32 };
static const mrun_host *host;
static int alive = 0; /* tasks */
static int resume(mrun_call *call, void *state, mrun_value *got, size_t count, mrun_value *results) {
  (void)call, (void)state;
  if (count > 0) results[0] = got[0], memset(&got[0], 0, sizeof got[0]);
  return MRUN_OK;
}
static void destroy(void *state) {
  (void)state;
  --alive;
}
static int await_how(mrun_call *call, const mrun_value *args, uint32_t size, int with_resume) {
  struct {
    mrun_await how;
    char behind[64];
  } memory;
  memset(&memory, 0xff, sizeof memory); /* what is not read cannot harm */
  memory.how.size = size;
  memory.how.flags = 0;
  memory.how.state = NULL;
  memory.how.resume = with_resume ? resume : NULL;
  memory.how.destroy = destroy;
  mrun_value argument = {MRUN_INT, 0, {0}, 0};
  argument.as.integer = 1;
  ++alive;
  return host->await(call, args[0].as.function, &argument, 1, &memory.how);
}
static int wait(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)results, (void)user;
  return await_how(call, args, await_size, 1);
}
static int refused(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)results, (void)user;
  return await_how(call, args, await_size, 0);
}
static int count(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)call, (void)args, (void)user;
  results[0].kind = MRUN_INT;
  results[0].as.integer = alive;
  return MRUN_OK;
}
static const mrun_op ops[] = {
    {op_size, 0, "first.wait@1(Callable f) -> Any", "", NULL, wait, NULL},
    {op_size, 0, "first.refused@1(Callable f) -> Any", "", NULL, refused, NULL},
    {op_size, 0, "first.alive@1() -> int", "", NULL, count, NULL},
};
static const mrun_type thing = {type_size, 0, "first.Thing", "", destroy, NULL};
MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = plugin_size;
  plugin->abi = 1u << 16; /* 1.0 */
  plugin->name = "first";
  plugin->version = "1";
  int code = h->add_type(plugin->registry, &thing);
  for (size_t i = 0; !code && i < sizeof ops / sizeof ops[0]; ++i) code = h->add_op(plugin->registry, &ops[i]);
  return code;
}
