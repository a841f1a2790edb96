#include "pg/executed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace phx::pg {
namespace {

/// Runs in a process of its own, which is killed the moment it is done; what it left in the folder.
std::string noted_before_a_kill(const std::filesystem::path& folder, void (*work)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  std::ifstream file(folder / std::to_string(child));
  return {std::istreambuf_iterator<char>(file), {}};
}

struct NoteExecuted : ::testing::Test {
  NoteExecuted() {
    char made[] = "/tmp/phx-executed-XXXXXX";
    if (::mkdtemp(made) == nullptr) throw std::runtime_error("mkdtemp");
    folder = made;
  }
  ~NoteExecuted() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
};

TEST_F(NoteExecuted, WhatWasNotedOutlivesAKill) {
  ::setenv("PHX_SQL_LOG", folder.c_str(), 1);
  EXPECT_EQ(noted_before_a_kill(folder,
                                [] {
                                  for (int i = 0; i < 3; ++i)
                                    for (const char* name : {"test.one", "test.two"}) note_executed(name);
                                }),
            "test.one\ntest.two\n");
}

TEST_F(NoteExecuted, NothingIsWrittenUnlessAsked) {
  ::unsetenv("PHX_SQL_LOG");
  EXPECT_EQ(noted_before_a_kill(folder, [] { note_executed("test.one"); }), "");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

}  // namespace
}  // namespace phx::pg
