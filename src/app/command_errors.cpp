#include "app/command_errors.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

namespace phx::app {
namespace json = boost::json;
namespace {

/// Levenshtein's distance: insertions, deletions and replacements.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// "phoenix ctl vm"
std::string path_of(const CLI::App& app) {
  return app.get_parent() ? path_of(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

/// Does this word take the next one as its value? Options of outer commands may come anywhere (fallthrough).
bool takes_next(const CLI::App* app, const std::string& word) {
  if (word.find('=') != word.npos) return false;
  for (; app; app = app->get_parent())
    if (const auto* option = app->get_option_no_throw(word)) return option->get_items_expected_max() > 0;
  return false;
}

}  // namespace

int print_error(const Error& error, bool as_json, bool with_detail) {
  if (as_json) {
    json::object body{
        {"code", code_info(error.code()).graphql_code}, {"reason", error.reason()}, {"message", error.message()}};
    if (!error.field().empty()) body["field"] = error.field();
    if (!error.next_action().empty()) body["nextAction"] = error.next_action();
    std::cerr << json::serialize(json::object{{"error", std::move(body)}}) << "\n";
    return kFailed;
  }
  std::cerr << "phoenix: " << error.message() << (error.field().empty() ? "" : " [" + error.field() + "]") << "\n";
  if (with_detail && !error.internal().empty()) std::cerr << "detail: " << error.internal() << "\n";
  if (!error.next_action().empty()) std::cerr << "next: " << error.next_action() << "\n";
  return kFailed;
}

bool asks_for_json(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == "--json" || words[i] == "--output=json" ||
        (words[i] == "--output" && i + 1 < words.size() && words[i + 1] == "json"))
      return true;
  return false;
}

Error usage_error(const CLI::App& app, const std::vector<std::string>& words, std::string_view complaint) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with('-')) {
      if (takes_next(at, word)) ++i;
      continue;
    }
    const auto commands = at->get_subcommands({});
    if (commands.empty()) break;  // an argument of the command found
    const auto found = std::ranges::find_if(commands, [&](const CLI::App* one) { return one->get_name() == word; });
    if (found != commands.end()) {
      at = *found;
      continue;
    }
    std::string near, all;
    for (const CLI::App* one : commands) {
      const std::string& name = one->get_name();
      all += (all.empty() ? "" : ", ") + name;
      if (distance(word, name) <= 2 || (word.size() > 1 && name.starts_with(word)))
        near += (near.empty() ? "" : ", ") + path_of(*one);
    }
    const std::string said = path_of(*at);
    return Error(Code::kInvalidArgument, "usage.unknown_command", "There is no command '" + said + " " + word + "'.")
        .with_next_action((near.empty() ? "Commands of " + said + ": " + all + "." : "Did you mean: " + near + "?") +
                          " See " + said + " --help.");
  }
  const std::string said = path_of(*at);
  if (!at->get_subcommands({}).empty())
    return Error(Code::kInvalidArgument, "usage.command_missing", "'" + said + "' needs a command after it.")
        .with_next_action("See " + said + " --help.");
  return Error(Code::kInvalidArgument, "usage.wrong", said + ": " + std::string(complaint))
      .with_next_action("See " + said + " --help.");
}

}  // namespace phx::app
