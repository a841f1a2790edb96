/// Asio asks aligned_alloc() for each coroutine's frame, though at the alignment that every malloc() has. glibc's way
/// there is long and goes past its per-thread cache, and a request has more than a dozen frames: ten thousand
/// instructions. This stands in front of it; what it gives is freed by free() as before.

#include <cstddef>
#include <cstdlib>

extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  void* out = nullptr;
  return posix_memalign(&out, alignment, size) == 0 ? out : nullptr;
}
