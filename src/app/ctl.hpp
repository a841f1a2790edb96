#pragma once
/// `phoenix ctl`: the API from the terminal.

#include <memory>

namespace CLI {
class App;
}

namespace phx::app {

/// Adds the subcommands. What was chosen runs after parsing, through run_ctl().
class Ctl {
 public:
  Ctl();
  ~Ctl();
  void add_to(CLI::App& app);
  /// True when a ctl command was given.
  bool chosen() const;
  /// The exit status: 0, or 1 with the error printed.
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phx::app
