// SPDX-License-Identifier: GPL-2.0-only
#include "base/files.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "base/regular_file.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

class Files : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  fs::path at(const std::string& name) const { return temp_->path() / name; }
  std::ptrdiff_t entries() const
  {
    return std::distance(fs::directory_iterator(temp_->path()), fs::directory_iterator());
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(Files, ReadGivesWhatWasWritten)
{
  const std::string content("a\0b\nc", 5);
  ASSERT_TRUE(write_file(at("x"), content));
  EXPECT_EQ(*read_file(at("x")), content);
}

TEST_F(Files, ReadOfALargeFileIsWhole)
{
  const std::string content(200'000, 'z');
  ASSERT_TRUE(write_file(at("x"), content));
  EXPECT_EQ(*read_file(at("x")), content);
}

TEST_F(Files, ReadOfProcIsNotStoppedByItsSizeOfZero)
{
  const auto text = read_file("/proc/self/status");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->substr(0, 5), "Name:");
}

TEST_F(Files, ReadOfAMissingFileIsEnoentAndNamesIt)
{
  const auto text = read_file(at("missing"));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().sys_errno, ENOENT);
  EXPECT_EQ(text.error().context, "open " + at("missing").string());
}

TEST_F(Files, ReadOfAFolderIsAnError)
{
  const auto text = read_file(at(""));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().sys_errno, EISDIR);
}

TEST_F(Files, WriteReplacesALongerFile)
{
  ASSERT_TRUE(write_file(at("x"), "long content"));
  ASSERT_TRUE(write_file(at("x"), "new"));
  EXPECT_EQ(*read_file(at("x")), "new");
}

TEST_F(Files, WriteLeavesNoTemporaryName)
{
  ASSERT_TRUE(write_file(at("x"), "new"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, ALinkUnderTheTemporaryNameIsNotFollowed)
{
  ASSERT_TRUE(write_file(at("precious"), "kept"));
  fs::create_symlink(at("precious"), at("x." + std::to_string(::getpid()) + ".tmp"));
  ASSERT_TRUE(write_file(at("x"), "new"));
  EXPECT_EQ(*read_file(at("precious")), "kept");
  EXPECT_EQ(entries(), 2);
}

TEST_F(Files, AppendAddsAndFollowsNoLink)
{
  ASSERT_TRUE(append_file(at("x"), "one "));
  ASSERT_TRUE(append_file(at("x"), "two"));
  EXPECT_EQ(*read_file(at("x")), "one two");
  fs::create_symlink(at("x"), at("link"));
  EXPECT_FALSE(append_file(at("link"), "three"));
}

TEST_F(Files, FailedWriteLeavesNoTemporaryName)
{
  fs::create_directory(at("x"));
  ASSERT_FALSE(write_file(at("x"), "new"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, WriteIntoAMissingFolderIsAnError)
{
  const auto done = write_file(at("missing/x"), "new");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sys_errno, ENOENT);
}

TEST_F(Files, AFileThatIsTooLongIsRefusedBeforeItIsRead)
{
  ASSERT_TRUE(write_file(at("x"), ""));
  fs::resize_file(at("x"), std::uintmax_t{20} << 30);
  const auto text = read_regular_file(at("x"));
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().context.find("has more than the"), std::string::npos);
}

TEST_F(Files, ReadFromSkipsToTheOffset)
{
  ASSERT_TRUE(write_file(at("x"), "0123456789"));
  EXPECT_EQ(*read_from(at("x"), 7, 100), "789");
}

TEST_F(Files, ReadFromTheEndIsEmpty)
{
  ASSERT_TRUE(write_file(at("x"), "0123456789"));
  EXPECT_EQ(*read_from(at("x"), 10, 100), "");
  EXPECT_EQ(*read_from(at("x"), 1, 3), "123");
}

TEST_F(Files, MakeDirectoriesMakesParents)
{
  ASSERT_TRUE(make_directories(at("a/b/c")));
  EXPECT_TRUE(fs::is_directory(at("a/b/c")));
}

TEST_F(Files, MakeDirectoriesAcceptsAnExistingOne)
{
  EXPECT_TRUE(make_directories(at("")));
}

TEST_F(Files, MakeDirectoriesBelowAFileIsAnError)
{
  ASSERT_TRUE(write_file(at("x"), ""));
  const auto made = make_directories(at("x/y"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().sys_errno, ENOTDIR);
}

class CacheFolder : public Files
{
 protected:
  void SetUp() override
  {
    Files::SetUp();
    if (const char* set = std::getenv("XDG_CACHE_HOME"))
      before_ = set;
  }
  void TearDown() override
  {
    before_ ? ::setenv("XDG_CACHE_HOME", before_->c_str(), 1) : ::unsetenv("XDG_CACHE_HOME");
  }
  // own_cache_directory() where XDG_CACHE_HOME is the folder of this name.
  std::string refused(const std::string& name)
  {
    ::setenv("XDG_CACHE_HOME", at(name).c_str(), 1);
    const auto folder = own_cache_directory();
    return folder ? "" : folder.error().context;
  }

 private:
  std::optional<std::string> before_;
};

TEST_F(CacheFolder, IsMadeWhereNothingIs)
{
  EXPECT_EQ(refused("new/cache"), "");
  EXPECT_TRUE(is_ours_alone(at("new/cache/rmaplab")));
}

TEST_F(CacheFolder, ThatIsALinkIsRefusedIfToAFolderOfOurs)
{
  fs::create_directories(at("cache"));
  fs::create_directories(at("mine"));
  fs::create_directory_symlink(at("mine"), at("cache/rmaplab"));
  EXPECT_NE(refused("cache").find("cache/rmaplab is a link"), std::string::npos);
  EXPECT_FALSE(is_ours_alone(at("cache/rmaplab")));
}

TEST_F(CacheFolder, BelowOneThatOthersWriteToIsRefusedAndNothingMade)
{
  fs::create_directories(at("open"));
  fs::permissions(at("open"), fs::perms::all);
  EXPECT_NE(refused("open/cache").find("lies in " + at("open").string()), std::string::npos);
  EXPECT_FALSE(fs::exists(at("open/cache")));
  // A link to it is no way around it, and a link in a folder of ours is none to refuse.
  fs::create_directory_symlink(at("open"), at("link"));
  EXPECT_NE(refused("link/cache"), "");
  fs::create_directories(at("closed"));
  fs::create_directory_symlink(at("closed"), at("ours"));
  EXPECT_EQ(refused("ours"), "");
}

TEST_F(CacheFolder, BelowAnotherUsersIsRefusedIfItHoldsAFolderOrLinkOfOurs)
{
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root to give a folder away";
  fs::create_directories(at("his/rmaplab"));
  ASSERT_EQ(::chown(at("his").c_str(), 65533, 65533), 0);
  EXPECT_NE(refused("his").find("lies in " + at("his").string()), std::string::npos);
  fs::remove(at("his/rmaplab"));
  fs::create_directories(at("mine"));
  fs::create_directory_symlink(at("mine"), at("his/rmaplab"));
  EXPECT_NE(refused("his").find("lies in " + at("his").string()), std::string::npos);
  EXPECT_FALSE(is_ours_alone(at("his/rmaplab")));
}

TEST(TempDir, RemovesItselfWithContent)
{
  fs::path path;
  {
    auto temp = TempDir::create("rmaplab-test-");
    ASSERT_TRUE(temp);
    path = temp->path();
    ASSERT_TRUE(make_directories(path / "a/b"));
    ASSERT_TRUE(write_file(path / "a/b/x", "content"));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TempDir, BelongsToWhereItWasMoved)
{
  auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  const fs::path path = temp->path();
  std::optional<TempDir> owner(*std::move(temp));
  {
    const TempDir last(std::move(*owner));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TempDir, StaysWhenAMovedFromOwnerGoes)
{
  std::optional<TempDir> first(*TempDir::create("rmaplab-test-"));
  const TempDir second(std::move(*first));
  first.reset();
  EXPECT_TRUE(fs::is_directory(second.path()));
}

TEST(TempDir, NameBeginsWithThePrefix)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  EXPECT_EQ(temp->path().filename().string().rfind("rmaplab-test-", 0), 0u);
}

TEST(Hex, HasTwoLowerCaseDigitsAByte)
{
  EXPECT_EQ(hex(std::string_view("\x00\x0f\xab\xff", 4)), "000fabff");
}

TEST(Hex, NoBytesGiveNoDigits)
{
  EXPECT_EQ(hex(""), "");
}

}  // namespace
}  // namespace rmaplab
