// operator new and delete of a host's own, whose memory nobody else can free: a header stands before each block.
#include <cstdlib>
#include <new>

namespace {
constexpr std::size_t header = 64;
void *take(std::size_t size) {
  void *block = std::malloc(size + header);
  if (block == nullptr) throw std::bad_alloc();
  return static_cast<char *>(block) + header;
}
void give_back(void *p) noexcept {
  if (p != nullptr) std::free(static_cast<char *>(p) - header);
}
}  // namespace

void *operator new(std::size_t size) { return take(size); }
void *operator new[](std::size_t size) { return take(size); }
void operator delete(void *p) noexcept { give_back(p); }
void operator delete[](void *p) noexcept { give_back(p); }
void operator delete(void *p, std::size_t) noexcept { give_back(p); }
void operator delete[](void *p, std::size_t) noexcept { give_back(p); }
