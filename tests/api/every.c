/* Calls every function of mrun.h: every FOLDER WORK PLUGIN, where FOLDER is a bundle of kind text, WORK an empty folder and
 * PLUGIN the library of the plugin hello. Prints the name of each function that it calls; api_test.py holds them against the
 * header. What a function does is tested elsewhere: here it is enough that it does something that a host can see. */
#include <fcntl.h>
#include <mrun/mrun.h>
#include <mrun/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL(function) (puts(#function), function)
#define EXPECT(condition)                                                \
  do {                                                                   \
    if (!(condition)) {                                                  \
      fprintf(stderr, "every.c:%d: not so: %s\n", __LINE__, #condition); \
      if (error.message) fprintf(stderr, "%s\n", error.message);         \
      exit(1);                                                           \
    }                                                                    \
  } while (0)

static mrun_error error; /* of the last call that failed */
static char work[4096];

static const char *in_work(const char *name) { /* good until the next but one */
  static char paths[2][8192];
  static int next;
  char *path = paths[next ^= 1];
  snprintf(path, sizeof paths[0], "%s/%s", work, name);
  return path;
}

static int has(char *json, const char *text) { /* frees it */
  int found = json && strstr(json, text) != NULL;
  CALL(mrun_free)(json);
  return found;
}

static int twice(mrun_call *call, const mrun_value *args, mrun_value *results, void *user) {
  (void)call, (void)user;
  results[0] = args[0];
  results[0].as.integer *= 2;
  return MRUN_OK;
}
static int init(const mrun_host *host, mrun_plugin *plugin) {
  static const mrun_op op = {sizeof(mrun_op), 0, "every.twice@1(int x) -> int", "2 x.", NULL, twice, NULL};
  plugin->size = sizeof *plugin, plugin->abi = MRUN_ABI, plugin->name = "every", plugin->version = "1.0.0";
  return host->add_op(plugin->registry, &op);
}

static void about(void *user, const char *what) { *(int *)user += what[0] != 0; }

static void plugins(const char *library) {
  char *json = NULL;
  EXPECT(CALL(mrun_plugin_folders)(NULL, 0) == MRUN_OK);
  EXPECT(CALL(mrun_load_plugin)(library, &error) == MRUN_OK);
  EXPECT(CALL(mrun_add_plugin)(init, &error) == MRUN_OK);
  EXPECT(CALL(mrun_operations)("every.twice", &json, &error) == MRUN_OK && has(json, "every.twice@1"));
  EXPECT(CALL(mrun_plugins)(&json, &error) == MRUN_OK && has(json, "hello"));
  mrun_value x = {MRUN_INT, 0, {0}, NULL}, args, results;
  x.as.integer = 21;
  EXPECT(mrun_list(&x, 1, &args) == MRUN_OK);
  EXPECT(CALL(mrun_call_operation)("every.twice@1", &args, &results, &error) == MRUN_OK);
  EXPECT(results.as.list.size == 1 && results.as.list.items[0].as.integer == 42);
  mrun_value_free(&args), mrun_value_free(&results);
  int told = 0;
  EXPECT(CALL(mrun_check_plugin)(library, NULL, about, &told, &json, &error) == MRUN_OK);
  EXPECT(told > 10 && has(json, "\"operations\":2"));
}

static void small(void) {
  char hex[65];
  EXPECT(!strcmp(CALL(mrun_code_name)(MRUN_TIMEOUT), "TIMEOUT"));
  EXPECT(strchr(CALL(mrun_version)(), '.') != NULL);
  EXPECT(CALL(mrun_sha256)("abc", 3, hex) == MRUN_OK && !strncmp(hex, "ba7816bf", 8));
  mrun_bundle *bundle = NULL;
  EXPECT(CALL(mrun_open)("/nonexistent.mb", NULL, &bundle, &error) != MRUN_OK && error.message && !bundle);
  CALL(mrun_error_free)(&error);
  EXPECT(error.message == NULL);
  EXPECT(mrun_ordered(NULL, 1) == MRUN_USAGE && CALL(mrun_last_error)()->message);
}

static int deleted;
static void delete_tensor(DLManagedTensor *dl) {
  ++deleted;
  free(dl);
}
static void tensors(void) {
  static float numbers[] = {1, 2, 3};
  static int64_t shape[] = {3};
  DLManagedTensor *dl = calloc(1, sizeof *dl), *exported = NULL;
  struct DLManagedTensorVersioned *versioned = NULL;
  mrun_value value;
  dl->dl_tensor.data = numbers, dl->dl_tensor.ndim = 1, dl->dl_tensor.shape = shape;
  dl->dl_tensor.device.device_type = kDLCPU;
  dl->dl_tensor.dtype.code = kDLFloat, dl->dl_tensor.dtype.bits = 32, dl->dl_tensor.dtype.lanes = 1;
  dl->deleter = delete_tensor;
  EXPECT(CALL(mrun_tensor)(dl, &value) == MRUN_OK);
  EXPECT(CALL(mrun_tensor_export)(&value, &exported) == MRUN_OK && exported->dl_tensor.data == numbers);
  EXPECT(CALL(mrun_tensor_export_versioned)(&value, &versioned) == MRUN_OK);
  CALL(mrun_value_free)(&value);
  EXPECT(CALL(mrun_tensor_versioned)(versioned, &value) == MRUN_OK);
  EXPECT(value.as.tensor.dl->dl_tensor.data == numbers);
  mrun_value_free(&value);
  EXPECT(deleted == 0); /* the exported one keeps it */
  exported->deleter(exported);
  EXPECT(deleted == 1);
}

static void values(void) {
  char *json = NULL;
  mrun_value items[2], list, map, copy;
  mrun_entry entry;
  tensors();
  items[0] = CALL(mrun_text)("a");
  EXPECT(CALL(mrun_from_json)("[1]", 3, &items[1], &error) == MRUN_OK);
  EXPECT(CALL(mrun_list)(items, 2, &list) == MRUN_OK && items[1].kind == MRUN_NIL);
  entry.key.data = "k", entry.key.size = 1, entry.value = list;
  EXPECT(CALL(mrun_map)(&entry, 1, &map) == MRUN_OK);
  EXPECT(CALL(mrun_value_copy)(&map, &copy) == MRUN_OK);
  mrun_value_free(&map);
  EXPECT(CALL(mrun_get)(&copy, "k")->as.list.size == 2 && mrun_get(&copy, "none") == NULL);
  EXPECT(CALL(mrun_to_json)(&copy, 0, &json, &error) == MRUN_OK && !strcmp(json, "{\"k\":[\"a\",[1]]}"));
  mrun_free(json);
  mrun_value_free(&copy);
  mrun_value bytes = CALL(mrun_bytes)("abc", 3);
  EXPECT(bytes.kind == MRUN_TENSOR);
  EXPECT(CALL(mrun_save_json)(&bytes, in_work("saved"), "x", &json, &error) == MRUN_OK && has(json, "97"));
  mrun_value_free(&bytes);
}

static void record_and_pack(const char *folder) {
  char *report = NULL;
  mrun_value input = mrun_text("kept"), options;
  EXPECT(CALL(mrun_new)(in_work("made"), "text", NULL, &error) == MRUN_OK);
  EXPECT(access(in_work("made/bundle.toml"), R_OK) == 0);
  EXPECT(CALL(mrun_pack)(folder, in_work("a.mb"), NULL, &report, &error) == MRUN_OK && has(report, "\"digest\""));
  EXPECT(CALL(mrun_record)(folder, "kept", &input, NULL, &error) == MRUN_OK);
  EXPECT(mrun_from_json("{\"author\":\"me\"}", 15, &options, &error) == MRUN_OK);
  EXPECT(CALL(mrun_commit)(in_work("a.mb"), folder, "an example", &options, &report, &error) == MRUN_OK);
  EXPECT(has(report, "\"number\""));
  mrun_value_free(&options);
}

static void sign_and_scan(void) {
  char *report = NULL;
  EXPECT(CALL(mrun_keygen)(in_work("key"), NULL, &report, &error) == MRUN_OK && has(report, "\"key\""));
  EXPECT(CALL(mrun_sign)(in_work("a.mb"), in_work("key"), &report, &error) == MRUN_OK && has(report, "\"key\""));
  EXPECT(CALL(mrun_scan)(in_work("a.mb"), &report, &error) == MRUN_OK && has(report, "\"code\""));
}

static int released;
static void release(void *user) { free(user), ++released; }

static mrun_bundle *open_in_three_ways(void) {
  mrun_bundle *path = NULL, *fd = NULL, *memory = NULL;
  EXPECT(mrun_open(in_work("a.mb"), NULL, &path, &error) == MRUN_OK);
  const int file = open(in_work("a.mb"), O_RDONLY);
  EXPECT(CALL(mrun_open_fd)(file, NULL, &fd, &error) == MRUN_OK);
  const off_t size = lseek(file, 0, SEEK_END);
  char *bytes = malloc((size_t)size);
  EXPECT(pread(file, bytes, (size_t)size, 0) == size);
  close(file);
  EXPECT(CALL(mrun_open_memory)(bytes, (size_t)size, release, bytes, NULL, &memory, &error) == MRUN_OK);
  EXPECT(!strcmp(CALL(mrun_digest)(path), mrun_digest(fd)) && !strcmp(mrun_digest(path), mrun_digest(memory)));
  CALL(mrun_close)(fd);
  mrun_close(memory);
  EXPECT(released == 1);
  return path;
}

static void look_into(mrun_bundle *bundle) {
  char *json = NULL;
  mrun_value bytes;
  mrun_bundle *first = NULL;
  mrun_open_options options;
  EXPECT(CALL(mrun_inspect)(bundle, NULL, &json, &error) == MRUN_OK && has(json, "manifest"));
  EXPECT(CALL(mrun_read)(bundle, "postprocess.lua", &bytes, &error) == MRUN_OK && bytes.kind == MRUN_TENSOR);
  mrun_value_free(&bytes);
  EXPECT(CALL(mrun_log)(bundle, &json, &error) == MRUN_OK && has(json, "an example"));
  MRUN_INIT(options);
  options.revision = "1";
  EXPECT(mrun_open(in_work("a.mb"), &options, &first, &error) == MRUN_OK);
  EXPECT(CALL(mrun_diff)(first, bundle, &json, &error) == MRUN_OK && has(json, "\"equal\":false"));
  mrun_close(first);
  EXPECT(CALL(mrun_verify)(bundle, NULL, NULL, &json, &error) == MRUN_OK && has(json, "kept"));
  EXPECT(CALL(mrun_unpack)(bundle, in_work("out"), NULL, &error) == MRUN_OK);
  EXPECT(access(in_work("out/examples/kept/input.txt"), R_OK) == 0);
}

static void inputs(mrun_bundle *bundle) {
  mrun_value a, b, c;
  EXPECT(CALL(mrun_input)(bundle, NULL, "kept", &a, &error) == MRUN_OK);
  EXPECT(CALL(mrun_input_file)(bundle, NULL, in_work("out/examples/kept/input.txt"), &b, &error) == MRUN_OK);
  EXPECT(CALL(mrun_input_bytes)(bundle, NULL, "kept", 4, &c, &error) == MRUN_OK);
  EXPECT(a.as.string.size == 4 && b.as.string.size == 4 && !memcmp(b.as.string.data, c.as.string.data, 4));
  mrun_value_free(&a), mrun_value_free(&b), mrun_value_free(&c);
}

static void count(void *user, mrun_result *result) { *(int *)user += result->code == MRUN_OK; }
static void partial(void *user, const mrun_value *value) { *(int *)user += value->kind == MRUN_STRING; }

static void run_items(mrun_bundle *bundle) {
  char *json = NULL;
  int answered = 0, partials = 0;
  uint64_t id = 0;
  mrun_engine *engine = NULL;
  mrun_options options;
  mrun_item item;
  mrun_result result;
  mrun_value input = mrun_text("x"), expected;
  MRUN_INIT(options);
  options.workers = 1; /* `count` has no lock */
  options.isolation = MRUN_ISOLATION_NONE;
  MRUN_INIT(item);
  item.json = 1, item.emit = partial, item.emit_user = &partials;
  EXPECT(CALL(mrun_start)(bundle, &options, &engine, &error) == MRUN_OK);
  EXPECT(CALL(mrun_ordered)(engine, 1) == MRUN_OK);
  EXPECT(CALL(mrun_run)(engine, &input, &item, &result) == MRUN_OK && partials == 1);
  EXPECT(mrun_from_json(result.json, strlen(result.json), &expected, &error) == MRUN_OK);
  EXPECT(CALL(mrun_same_answer)(bundle, &expected, &result.answer, &error) == MRUN_OK);
  mrun_value_free(&expected);
  CALL(mrun_result_free)(&result);
  for (int i = 0; i < 3; ++i) EXPECT(CALL(mrun_submit)(engine, &input, NULL, -1, count, &answered, &id) == MRUN_OK);
  EXPECT(CALL(mrun_end)(engine) == MRUN_OK);
  EXPECT(CALL(mrun_drain)(engine) == MRUN_OK && answered == 3);
  EXPECT(CALL(mrun_cancel)(engine, id) != MRUN_OK); /* it has been answered */
  EXPECT(CALL(mrun_statistics)(engine, &json) == MRUN_OK && has(json, "\"items\":4"));
  EXPECT(CALL(mrun_meta)(engine, 0, &json, &error) == MRUN_OK && has(json, "\"seed\""));
  CALL(mrun_stop)(engine);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  snprintf(work, sizeof work, "%s", argv[2]);
  plugins(argv[3]);
  small();
  values();
  record_and_pack(argv[1]);
  sign_and_scan();
  mrun_bundle *bundle = open_in_three_ways();
  look_into(bundle);
  inputs(bundle);
  run_items(bundle);
  mrun_close(bundle);
  return 0;
}
