#pragma once
/// Named places between two writes or calls where a process may die. In production a crash point costs one branch.
/// With PHOENIX_CRASH_POINT=name or name:N in the environment the process kills itself with SIGKILL the first (N-th)
/// time it passes there; the chaos tests kill each named point at least once.

#include <string_view>

namespace phx {

void pass_crash_point(std::string_view name);

}  // namespace phx

#define PHX_CRASH_POINT(name) ::phx::pass_crash_point(name)
