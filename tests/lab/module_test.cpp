// SPDX-License-Identifier: GPL-2.0-only
#include "lab/module.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

const std::string kBytes = "\177ELF" + std::string(100'000, 'm');

void write_xz(const std::filesystem::path& file, const std::string& bytes)
{
  struct archive* out = archive_write_new();
  struct archive_entry* entry = archive_entry_new();
  archive_write_add_filter_xz(out);
  archive_write_set_format_raw(out);
  archive_write_open_filename(out, file.c_str());
  archive_entry_set_filetype(entry, S_IFREG);
  archive_write_header(out, entry);
  archive_write_data(out, bytes.data(), bytes.size());
  archive_entry_free(entry);
  ASSERT_EQ(archive_write_close(out), ARCHIVE_OK);
  archive_write_free(out);
}

class ModuleTest : public testing::Test
{
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_->path() / name; }
  Result<TempDir> folder_ = TempDir::create("rmaplab-test-");
};

TEST_F(ModuleTest, IsFoundInAFolderBelowWhateverItsCompression)
{
  ASSERT_TRUE(make_directories(at("drivers/block")));
  EXPECT_EQ(module_below(folder_->path(), "brd"), "");
  ASSERT_TRUE(write_file(at("drivers/block/brd.ko.zst"), ""));
  EXPECT_EQ(module_below(folder_->path(), "brd"), at("drivers/block/brd.ko.zst"));
}

TEST_F(ModuleTest, AnotherOneWhoseNameBeginsAlikeIsNotIt)
{
  ASSERT_TRUE(write_file(at("brd_test.ko"), ""));
  ASSERT_TRUE(write_file(at("brd.kobject"), ""));
  EXPECT_EQ(module_below(folder_->path(), "brd"), "");
}

TEST_F(ModuleTest, AFolderThatIsNotThereHasNone)
{
  EXPECT_EQ(module_below(at("none"), "brd"), "");
}

TEST_F(ModuleTest, IsReadPlainAndCompressedAlike)
{
  ASSERT_TRUE(write_file(at("brd.ko"), kBytes));
  write_xz(at("brd.ko.xz"), kBytes);
  const auto plain = read_module(at("brd.ko"));
  const auto compressed = read_module(at("brd.ko.xz"));
  ASSERT_TRUE(plain && compressed);
  EXPECT_EQ(*plain, kBytes);
  EXPECT_EQ(*compressed, kBytes);
}

TEST_F(ModuleTest, CutOffIsAnErrorThatNamesTheFile)
{
  write_xz(at("brd.ko.xz"), kBytes);
  std::filesystem::resize_file(at("brd.ko.xz"), std::filesystem::file_size(at("brd.ko.xz")) / 2);
  const auto module = read_module(at("brd.ko.xz"));
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, Errc::parse);
  EXPECT_NE(module.error().context.find("brd.ko.xz"), std::string::npos);
}

TEST_F(ModuleTest, WhatIsNoElfFileIsRefused)
{
  ASSERT_TRUE(write_file(at("brd.ko"), "text"));
  const auto module = read_module(at("brd.ko"));
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, Errc::parse);
}

}  // namespace
}  // namespace rmaplab
