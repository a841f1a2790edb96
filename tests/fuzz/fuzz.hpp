#pragma once
/// What fuzz targets share. A target is a file *_fuzz.cpp that defines LLVMFuzzerTestOneInput over one decoder of bytes
/// from outside; besides not crashing, it requires what must hold for every input. With -DPHX_FUZZ=ON it becomes a
/// libFuzzer program; without, a program that replays the committed corpus in every run of the suite (replay_main.cpp).

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace phx::fuzz {

/// Aborts, so that libFuzzer keeps the input.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace phx::fuzz
