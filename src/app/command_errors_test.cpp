#include "app/command_errors.hpp"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace phx::app {
namespace {

struct CommandLine : testing::Test {
  CommandLine() {
    auto* ctl = app.add_subcommand("ctl");
    ctl->fallthrough();
    ctl->add_option("--data", data);
    ctl->add_flag("--quiet");
    auto* vm = ctl->add_subcommand("vm");
    vm->fallthrough();
    vm->add_subcommand("list")->fallthrough();
    vm->add_subcommand("delete")->fallthrough();
    app.add_subcommand("doctor");
  }
  Error wrong(std::vector<std::string> words) const { return usage_error(app, words, "what the parser said"); }

  CLI::App app{"", "phoenix"};
  std::string data;
};

TEST_F(CommandLine, AnUnknownCommandIsNamedWithThoseNear) {
  const Error top = wrong({"doktor"});
  EXPECT_EQ(top.reason(), "usage.unknown_command");
  EXPECT_EQ(top.message(), "There is no command 'phoenix doktor'.");
  EXPECT_EQ(top.next_action(), "Did you mean: phoenix doctor? See phoenix --help.");
  const Error deep = wrong({"ctl", "vm", "lst"});
  EXPECT_EQ(deep.message(), "There is no command 'phoenix ctl vm lst'.");
  EXPECT_EQ(deep.next_action(), "Did you mean: phoenix ctl vm list? See phoenix ctl vm --help.");
  EXPECT_EQ(wrong({"bogus"}).next_action(), "Commands of phoenix: ctl, doctor. See phoenix --help.");
}

TEST_F(CommandLine, TheValueOfAnOptionIsNoCommand) {
  EXPECT_EQ(wrong({"ctl", "--data", "/srv/x", "vmm"}).message(), "There is no command 'phoenix ctl vmm'.");
  EXPECT_EQ(wrong({"ctl", "--data=/srv/x", "vmm"}).message(), "There is no command 'phoenix ctl vmm'.");
  EXPECT_EQ(wrong({"ctl", "vm", "--data", "/srv/x", "lust"}).message(), "There is no command 'phoenix ctl vm lust'.");
  EXPECT_EQ(wrong({"ctl", "--quiet", "vmm"}).message(), "There is no command 'phoenix ctl vmm'.");
}

TEST_F(CommandLine, AMissingCommandAndAWrongArgumentAreToldApart) {
  EXPECT_EQ(wrong({}).reason(), "usage.command_missing");
  EXPECT_EQ(wrong({"ctl", "vm"}).message(), "'phoenix ctl vm' needs a command after it.");
  const Error argument = wrong({"ctl", "vm", "list", "--nope"});
  EXPECT_EQ(argument.reason(), "usage.wrong");
  EXPECT_EQ(argument.message(), "phoenix ctl vm list: what the parser said");
}

TEST(AsksForJson, InEitherSpelling) {
  EXPECT_TRUE(asks_for_json({"ctl", "--output", "json", "ready"}));
  EXPECT_TRUE(asks_for_json({"ctl", "--output=json"}));
  EXPECT_TRUE(asks_for_json({"doctor", "--json"}));
  EXPECT_FALSE(asks_for_json({"ctl", "--output", "text"}));
  EXPECT_FALSE(asks_for_json({"ctl", "json"}));
}

}  // namespace
}  // namespace phx::app
