// SPDX-License-Identifier: GPL-2.0-only
#include "base/guardian.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/files.h"
#include "base/process.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

bool within_ten_seconds(const std::function<bool()>& what)
{
  for (int i = 0; i < 1000; ++i) {
    if (what())
      return true;
    ::usleep(10'000);
  }
  return false;
}

// A process with a guardian, a folder and a group of which one has left its parent; how it ends
// is `end`'s affair.
class Guarded : public testing::Test
{
 protected:
  void run(const std::function<void(std::optional<Guardian>&)>& end)
  {
    const fs::path notes = temp_->path();
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto started =
          Guardian::start([notes] { static_cast<void>(write_file(notes / "after", "")); });
      if (!started)
        ::_exit(1);
      std::optional<Guardian> guardian(*std::move(started));
      const auto folder = TempDir::create("rmaplab-test-");
      auto group = Child::spawn(
          {.argv = {"sh", "-c",
                    "(sleep 1000 & echo $! >" + (notes / "pid").string() + "); exec sleep 1000"},
           .own_group = true});
      static_cast<void>(write_file(notes / "folder", folder->path().string()));
      while (!fs::exists(notes / "pid") || fs::is_empty(notes / "pid"))
        ::usleep(1000);
      end(guardian);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
  }
  std::string note(const char* name) { return *read_file(temp_->path() / name); }
  bool orphan_lives() { return ::kill(std::stoi(note("pid")), 0) == 0; }

  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(Guarded, KilledItLeavesNothingBehind)
{
  run([](auto&) { ::raise(SIGKILL); });
  EXPECT_TRUE(within_ten_seconds([&] { return fs::exists(temp_->path() / "after"); }));
  EXPECT_TRUE(within_ten_seconds([&] { return !fs::exists(note("folder")); }));
  EXPECT_TRUE(within_ten_seconds([&] { return !orphan_lives(); }));
}

TEST_F(Guarded, LetGoOfItsGuardianDoesNothing)
{
  run([](auto& guardian) { guardian.reset(); });
  EXPECT_FALSE(fs::exists(temp_->path() / "after"));
  EXPECT_TRUE(fs::exists(note("folder")));
  EXPECT_TRUE(orphan_lives());
  ::kill(std::stoi(note("pid")), SIGKILL);
  std::error_code error;
  fs::remove_all(note("folder"), error);
}

TEST_F(Guarded, ChildrenDoNotSpeakForTheirParent)
{
  run([](auto&) {
    if (::fork() == 0) {
      release_folder("/nothing");
      ::_exit(0);
    }
    ::wait(nullptr);
    ::raise(SIGKILL);
  });
  EXPECT_TRUE(within_ten_seconds([&] { return !fs::exists(note("folder")); }));
}

TEST(Guardian, NobodyIsToldBeforeThereIsOne)
{
  guard_group(::getpid());
  guard_folder("/");
  release_folder("/");
  release_group(::getpid());
}

}  // namespace
}  // namespace rmaplab
