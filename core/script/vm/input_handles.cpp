#include "script/vm/input_handles.h"

#include <mutex>
#include <unordered_map>

#include "script/vm/handle.h"
#include "value/root.h"

namespace mrun {
namespace {

// One handle among those of its root; owned by the handle, whose collection takes it out.
struct Node {
  Handle *handle;
  Node *next, **link;
};

struct Inputs {
  std::mutex mutex;
  std::unordered_map<uint64_t, Node *> first;  // of each living item
};

// States may be closed while the process ends: it is never destroyed.
Inputs &inputs() {
  static Inputs *const all = new Inputs;
  return *all;
}

Node **first_of(uint64_t root) {
  const std::lock_guard lock(inputs().mutex);
  const auto at = inputs().first.find(root);
  return at == inputs().first.end() ? nullptr : &at->second;
}

void take_out(void *pointer) {
  auto *node = static_cast<Node *>(pointer);
  if (node->link != nullptr) *node->link = node->next;
  if (node->next != nullptr) node->next->link = node->link;
  delete node;
}

}  // namespace

bool is_gone(const Handle *h) { return h != nullptr && h->kind == Handle::value && h->held.kind == MRUN_NIL; }

void begin_input(uint64_t root) {
  const std::lock_guard lock(inputs().mutex);
  inputs().first.emplace(root, nullptr);
}

void end_input(uint64_t root) {
  Node **const first = first_of(root);
  if (first == nullptr) return;
  for (Node *node = *first; node != nullptr;) {
    Node *const next = std::exchange(node->next, nullptr);
    node->link = nullptr;  // its handle will find it alone
    Value::free(&node->handle->held);
    node = next;
  }
  const std::lock_guard lock(inputs().mutex);
  inputs().first.erase(root);
}

void note_input(Handle &handle) {
  const uint64_t root = root_of(handle.held);
  Node **const first = root == 0 ? nullptr : first_of(root);
  if (first == nullptr) return;
  auto *node = new Node{&handle, *first, first};
  if (node->next != nullptr) node->next->link = &node->next;
  *first = node;
  handle.pointer = node;
  handle.destroy = take_out;
}

}  // namespace mrun
