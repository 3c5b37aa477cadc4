/* A plugin for tests: a namespace whose forms await, each with as many results as its argument says, and two that are none. */
#include <mrun/plugin.h>
#include <stddef.h>
#include <string.h>

static const mrun_host *host;

static int resume(mrun_call *call, void *results_wanted, mrun_value *got, size_t count, mrun_value *results) {
  int i;
  (void)call, (void)got, (void)count;
  for (i = 0; i < *(const int *)results_wanted; ++i) results[i].kind = MRUN_INT, results[i].as.integer = i;
  return MRUN_OK;
}
static void destroy(void *state) { (void)state; }
static int count(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  mrun_await how;
  (void)results;
  memset(&how, 0, sizeof how);
  how.size = sizeof how, how.state = user, how.resume = resume, how.destroy = destroy;
  return host->await(call, args[0].as.function, NULL, 0, &how);
}
static int one = 1, three = 3;
static const mrun_op of_int = {sizeof(mrun_op), 0, "spacens.count:a(Callable f, int n) -> int", "", NULL, count, &one};
static const mrun_op of_str = {
    sizeof(mrun_op), 0, "spacens.count:b(Callable f, str n) -> (int, int, int)", "", NULL, count, &three};
static const mrun_op versioned = {sizeof(mrun_op), 0, "spacens.versioned@2(int n) -> int", "", NULL, count, NULL};

static int find(const char *name, const mrun_op *const **overloads, size_t *found) {
  static const mrun_op *const counts[] = {&of_int, &of_str}, *const wrong[] = {&versioned};
  *overloads = strcmp(name, "count") == 0 ? counts : wrong;
  *found = strcmp(name, "count") == 0 ? 2 : strcmp(name, "versioned") == 0 ? 1 : 0;
  return MRUN_OK;
}
static const mrun_namespace names = {sizeof(mrun_namespace), 0, "spacens.", "space 1", find, NULL};

MRUN_EXPORT int mrun_plugin_init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof *plugin, plugin->abi = MRUN_ABI, plugin->name = "space", plugin->version = "1";
  plugin->lua =
      "return {count = native 'spacens.count', versioned = function() return native 'spacens.versioned' end}\n";
  return h->add_namespace(plugin->registry, &names);
}
