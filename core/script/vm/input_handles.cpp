#include "script/vm/input_handles.h"

#include <unordered_map>

#include "base/mutex.h"
#include "script/vm/handle.h"
#include "value/root.h"

namespace mrun {
namespace {

// One handle among those of its root; owned by the handle, whose collection takes it out.
struct Node {
  Handle *handle;
  Node *next, **link;
};

struct Input {
  const ItemContext *item;
  Node *first = nullptr;
};

struct Inputs {
  Mutex mutex;
  std::unordered_map<uint64_t, Input> all GUARDED_BY(mutex);  // of each living item
};

// States may be closed while the process ends: it is never destroyed.
Inputs &inputs() {
  static Inputs *const all = new Inputs;
  return *all;
}

// Stays where it is while other items come and go: the map moves no element.
Input *input_of(uint64_t root) {
  Inputs &living = inputs();
  const ExclusiveLock lock(living.mutex);
  const auto at = living.all.find(root);
  return at == living.all.end() ? nullptr : &at->second;
}

void take_out(void *pointer) {
  auto *node = static_cast<Node *>(pointer);
  if (node->link != nullptr) *node->link = node->next;
  if (node->next != nullptr) node->next->link = node->link;
  delete node;
}

}  // namespace

bool is_gone(const Handle *h) { return h != nullptr && h->kind == Handle::value && h->held.kind == MRUN_NIL; }

void begin_input(uint64_t root, const ItemContext &item) {
  Inputs &living = inputs();
  const ExclusiveLock lock(living.mutex);
  living.all.emplace(root, Input{&item});
}

// The handles without the lock: they are this thread's, and what they let go may be foreign code.
void end_input(uint64_t root) {
  const Input *const input = input_of(root);
  if (input == nullptr) return;
  for (Node *node = input->first; node != nullptr;) {
    Node *const next = std::exchange(node->next, nullptr);
    node->link = nullptr;  // its handle will find it alone
    Value::free(&node->handle->held);
    node = next;
  }
  Inputs &living = inputs();
  const ExclusiveLock lock(living.mutex);
  living.all.erase(root);
}

void note_input(Handle &handle, const ItemContext &running) {
  const uint64_t root = root_of(handle.held);
  if (root == 0) return;
  Inputs &living = inputs();
  const ExclusiveLock lock(living.mutex);
  const auto at = living.all.find(root);
  if (at == living.all.end() || at->second.item != &running) return;
  Node **const first = &at->second.first;
  auto *node = new Node{&handle, *first, first};
  if (node->next != nullptr) node->next->link = &node->next;
  *first = node;
  handle.pointer = node;
  handle.destroy = take_out;
}

}  // namespace mrun
