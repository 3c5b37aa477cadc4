/* A plugin in C: one operation, which counts a letter. */
#include <mrun/plugin.h>

static const mrun_host *host;

static int count(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  const char *text = args[0].as.string.data, *letter = args[1].as.string.data;
  size_t i;
  (void)user;
  if (args[1].as.string.size != 1) return host->fail(call, MRUN_ARGUMENT, "tally.count: letter: want one byte");
  results[0].kind = MRUN_INT;
  results[0].as.integer = 0;
  for (i = 0; i < args[0].as.string.size; ++i) {
    int code = i % 65536 == 0 ? host->stopped(call) : MRUN_OK;
    if (code) return code;
    results[0].as.integer += text[i] == letter[0];
  }
  return MRUN_OK;
}

static const mrun_op op = {
    sizeof(mrun_op), 0,   "tally.count@1(str text, str letter='a') -> int", "How often a letter occurs.", NULL,
    count,           NULL};

MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof *plugin;
  plugin->abi = MRUN_ABI;
  plugin->name = "tally";
  plugin->version = "1.0.0";
  plugin->doc = "Counts letters.";
  return h->add_op(plugin->registry, &op);
}
