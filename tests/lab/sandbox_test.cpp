// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sandbox.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

class SandboxTest : public testing::Test
{
 protected:
  void SetUp() override
  {
    if (!sandbox_)
      GTEST_SKIP() << sandbox_.error().context;
    fs::create_directory(temp_->path() / "readable");
    fs::create_directory(temp_->path() / "writable");
    ASSERT_TRUE(write_file(temp_->path() / "secret", "s"));
  }
  // 0 where the shell's line succeeded in the sandbox.
  int status_of(const std::string& line)
  {
    const auto done =
        run_command({.argv = sandbox_->wrap({"sh", "-c", line, "sh", temp_->path()},
                                            {.readable = {temp_->path() / "readable"},
                                             .writable = {temp_->path() / "writable"}})});
    return done ? done->wait_status : -1;
  }

  Result<Sandbox> sandbox_ = Sandbox::find();
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(SandboxTest, WritesWhereItMayAndNowhereElse)
{
  EXPECT_EQ(status_of("echo x >\"$1\"/writable/file"), 0);
  EXPECT_EQ(*read_file(temp_->path() / "writable/file"), "x\n");
  for (const char* line :
       {"echo x >\"$1\"/readable/file", "echo x >\"$1\"/secret", "echo x >/usr/rmaplab-test-file",
        "echo x >/etc/rmaplab-test-file", "echo x >/tmp/rmaplab-test-file", "grep . /etc/shadow",
        "ls -A /run | grep ."})
    EXPECT_NE(status_of(line), 0) << line;
  EXPECT_EQ(*read_file(temp_->path() / "secret"), "s");
}

TEST_F(SandboxTest, ChangesNothingOfTheKernelsSettings)
{
  const auto before = read_file("/proc/sys/kernel/core_pattern");
  EXPECT_NE(status_of("cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern"), 0);
  EXPECT_NE(status_of("echo 1 >/proc/self/oom_score_adj"), 0);
  EXPECT_NE(status_of("test -e /sys/kernel"), 0);
  EXPECT_NE(status_of("mount -t tmpfs none /tmp"), 0);
  EXPECT_EQ(*read_file("/proc/sys/kernel/core_pattern"), *before);
}

TEST_F(SandboxTest, SeesNobodyElse)
{
  EXPECT_NE(status_of("kill -0 " + std::to_string(::getpid())), 0);
  EXPECT_NE(status_of("grep -v '^ *lo:' /proc/net/dev | grep :"), 0);
}

TEST_F(SandboxTest, CompilesAProgram)
{
  if (!find_program("gcc"))
    GTEST_SKIP() << "no gcc";
  EXPECT_EQ(status_of("echo 'int main(void){return 0;}' >\"$1\"/writable/a.c && cd \"$1\"/writable "
                      "&& gcc -o a a.c && ./a"),
            0);
}

}  // namespace
}  // namespace rmaplab
