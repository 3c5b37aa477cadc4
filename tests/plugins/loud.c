/* A plugin whose library is ill-mannered: it prints on standard output when it is loaded and when it is called, and takes
 * signals. */
#include <signal.h>
#include <stdio.h>

#include "mrun/plugin.h"

static void take(int number) { (void)number; }
__attribute__((constructor)) static void loaded(void) {
  puts("loud: loaded");
  fflush(stdout);
  signal(SIGTERM, take);
  signal(SIGHUP, take);
}
static int say(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)call, (void)args, (void)user;
  puts("loud: called");
  fflush(stdout);
  results[0].kind = MRUN_INT;
  results[0].as.integer = 1;
  return MRUN_OK;
}
static const mrun_op op = {sizeof(mrun_op), 0, "loud.say@1() -> int", "", NULL, say, NULL};
MRUN_EXPORT int mrun_plugin_init(const mrun_host *host, mrun_plugin *plugin) {
  plugin->size = sizeof *plugin;
  plugin->abi = MRUN_ABI;
  plugin->name = "loud";
  plugin->version = "1";
  return host->add_op(plugin->registry, &op);
}
