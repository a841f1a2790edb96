#pragma once
/// How commands say what went wrong, the same for all of them.
///
/// Errors go to standard error, answers to standard output, always. As text: the message, its field, the next action.
/// When a command was asked for JSON (--output json, --json), also for a command line that is not understood: one line
/// {"error": {"code", "reason", "message", "field"?, "nextAction"?}}. The exit status is 1 for a failure and 2 for a
/// command line that is not understood.
///
/// Reasons: "usage.unknown_command", "usage.command_missing", "usage.wrong".

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace CLI {
class App;
}

namespace phx::app {

inline constexpr int kFailed = 1;
inline constexpr int kNotUnderstood = 2;

/// Prints the error and returns kFailed. `with_detail`: also what is for the log only; for commands on this machine.
int print_error(const Error& error, bool as_json, bool with_detail = false);

/// Whether the words of a command line ask for JSON.
bool asks_for_json(const std::vector<std::string>& words);

/// What is wrong with a command line that was refused with `complaint`: the command that does not exist, with those
/// that are near, the one that is missing, or the complaint itself. Names the help to read.
Error usage_error(const CLI::App& app, const std::vector<std::string>& words, std::string_view complaint);

}  // namespace phx::app
