#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

namespace phx {
namespace {

using namespace std::chrono_literals;

SpawnOptions shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

TEST(Process, CollectsOutputAndExitCode) {
  const auto result = run_command(shell("echo out; echo err >&2; exit 3"), 10s);
  ASSERT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(result->out, "out\nerr\n");
  EXPECT_EQ(result->status.code, 3);
  EXPECT_FALSE(result->status.success());
}

TEST(Process, MissingProgramIsAnErrorOfTheCallItself) {
  SpawnOptions options;
  options.argv = {"/nonexistent/program"};
  const auto result = spawn(options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason(), "process.spawn_failed");
  EXPECT_NE(result.error().message().find("/nonexistent/program"), std::string::npos);
}

TEST(Process, InheritsNothingThatWasNotNamed) {
  ::setenv("PHX_SECRET", "1", 1);
  UniqueFd leak(::open("/dev/null", O_RDONLY));  // deliberately without O_CLOEXEC
  auto options = shell("env; ls /proc/self/fd | wc -l; umask");
  options.env = {"PATH=/usr/bin:/bin", "ONLY=this"};
  const auto result = run_command(options, 10s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out.find("PHX_SECRET"), std::string::npos);
  EXPECT_NE(result->out.find("ONLY=this"), std::string::npos);
  // 0, 1, 2 and the one by which ls reads the folder.
  EXPECT_NE(result->out.find("\n4\n"), std::string::npos) << result->out;
  EXPECT_NE(result->out.find("0077"), std::string::npos);
  ::unsetenv("PHX_SECRET");
}

TEST(Process, PassesDescriptorsUnderTheWantedNumbersEvenWhenTheyCross) {
  int a[2], b[2];
  ASSERT_EQ(::pipe2(a, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(b, O_CLOEXEC), 0);
  const UniqueFd a0(a[0]), a1(a[1]), b0(b[0]), b1(b[1]);
  auto options = shell("eval \"echo to-first >&" + std::to_string(a1.get()) + "; echo to-second >&" +
                       std::to_string(b1.get()) + "\"");
  options.argv[0] = "/bin/bash";
  options.fds = {{b1.get(), a1.get()}, {a1.get(), b1.get()}};
  ASSERT_TRUE(run_command(options, 10s));
  char buffer[32] = {};
  ASSERT_GT(::read(b0.get(), buffer, sizeof buffer), 0);
  EXPECT_STREQ(buffer, "to-first\n");
}

TEST(Process, StartsInASessionOfItsOwnWithLimits) {
  auto options = shell("ps -o sid= -p $$ | tr -d ' '; echo $$; ulimit -n");
  options.limits = {{RLIMIT_NOFILE, 64}};
  const auto result = run_command(options, 10s);
  ASSERT_TRUE(result);
  const auto first = result->out.find('\n');
  const auto second = result->out.find('\n', first + 1);
  EXPECT_EQ(result->out.substr(0, first), result->out.substr(first + 1, second - first - 1));
  EXPECT_EQ(result->out.substr(second + 1), "64\n");
}

TEST(Process, IsKilledWithItsGroupWhenTheTimeIsOver) {
  const auto result = run_command(shell("sleep 1000 & echo $!; wait"), 300ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason(), "process.timeout");
  const pid_t grandchild = std::stoi(result.error().internal());
  // It may stay a zombie until its new parent reaps it; a zombie counts as gone.
  for (int i = 0; i < 500 && identify_process(grandchild); ++i) ::usleep(10'000);
  EXPECT_FALSE(identify_process(grandchild));
}

TEST(Process, ReusedPidIsNotMistakenForTheRememberedProcess) {
  const auto pid = spawn(shell("sleep 1000"));
  ASSERT_TRUE(pid);
  const auto identity = identify_process(*pid);
  ASSERT_TRUE(identity);
  EXPECT_GT(identity->start_ticks, 0U);
  EXPECT_EQ(process_arguments(*pid).front().find("/bin/sh") == 0 || process_arguments(*pid).front() == "sleep", true);
  // Same pid, another start time: what a reused pid looks like.
  EXPECT_FALSE(open_pidfd(ProcessIdentity{*pid, identity->start_ticks + 1}));
  const auto handle = open_pidfd(*identity);
  ASSERT_TRUE(handle);
  EXPECT_FALSE(pidfd_ended(*handle));
  EXPECT_FALSE(try_reap(*handle));
  ASSERT_TRUE(signal_pidfd(*handle, SIGKILL));
  const auto status = wait_exit_for(*handle, 10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGKILL);
  EXPECT_FALSE(identify_process(*pid));
  EXPECT_EQ(open_pidfd(*identity).error().reason(), "process.not_found");
  EXPECT_EQ(signal_pidfd(*handle, SIGKILL).error().reason(), "process.not_found");
}

TEST(Process, EndIsAwaitedWithoutBlockingTheThread) {
  boost::asio::io_context io(1);
  const auto pid = spawn(shell("exit 7"));
  ASSERT_TRUE(pid);
  const auto handle = open_pidfd(*pid);
  ASSERT_TRUE(handle);
  std::optional<ExitStatus> status;
  boost::asio::co_spawn(io, wait_exit(*handle), [&](std::exception_ptr, ExitStatus ended) { status = ended; });
  io.run_for(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 7);
}

TEST(Process, RunsAsAnotherAccountWhenRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody);
  auto options = shell("id -u; id -G");
  options.env = {"PATH=/usr/bin:/bin"};
  options.user = *nobody;
  const auto result = run_command(options, 10s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->out, std::to_string(nobody->uid) + "\n" + std::to_string(nobody->gid) + "\n");
  EXPECT_EQ(find_user("no-such-account-here").error().reason(), "process.unknown_user");
}

}  // namespace
}  // namespace phx
