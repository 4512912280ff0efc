// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_image.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

// Two setup sectors and 32 paragraphs: 2048 bytes by its own header.
std::string bz_image()
{
  std::string bytes(2048, '\0');
  bytes[0x1f1] = 2;
  bytes[0x1f4] = 32;
  bytes.replace(0x1fe, 2, "\x55\xaa");
  bytes.replace(0x202, 4, "HdrS");
  bytes[0x20f] = 1;  // release text at 0x100 + 0x200
  bytes.replace(0x300, 33, "7.0.13+deb13-cloud-amd64 (debian)");
  return bytes;
}

std::string complaint(std::string_view bytes)
{
  const auto release = check_image("vmlinuz", bytes);
  if (release)
    return "accepted as " + *release;
  EXPECT_EQ(release.error().code, Errc::parse);
  return release.error().context;
}

TEST(KernelImage, ReleaseIsReadUpToTheFirstBlank)
{
  const auto release = check_image("vmlinuz", bz_image());
  ASSERT_TRUE(release) << to_string(release.error());
  EXPECT_EQ(*release, "7.0.13+deb13-cloud-amd64");
}

TEST(KernelImage, NoMagicIsNoKernel)
{
  std::string bytes = bz_image();
  bytes[0x202] = 'X';
  EXPECT_EQ(complaint(bytes), "vmlinuz: is no kernel image (no bzImage header)");
}

TEST(KernelImage, NoBootFlagIsNoKernel)
{
  std::string bytes = bz_image();
  bytes[0x1fe] = 0;
  EXPECT_EQ(complaint(bytes), "vmlinuz: is no kernel image (no bzImage header)");
}

TEST(KernelImage, ShorterThanItsHeaderIsNoKernel)
{
  EXPECT_EQ(complaint(bz_image().substr(0, 0x206)),
            "vmlinuz: is no kernel image (no bzImage header)");
}

TEST(KernelImage, EmptyFileIsNoKernel)
{
  EXPECT_EQ(complaint(""), "vmlinuz: is no kernel image (no bzImage header)");
}

TEST(KernelImage, CutOffImageIsRejectedWithBothSizes)
{
  EXPECT_EQ(complaint(bz_image().substr(0, 2047)),
            "vmlinuz: is cut off: 2047 bytes where its header says 2048");
}

TEST(KernelImage, BytesAfterTheImageAreNoMatter)
{
  EXPECT_TRUE(check_image("vmlinuz", bz_image() + "signature"));
}

TEST(KernelImage, NoSetupSectorsMeanFour)
{
  std::string bytes = bz_image();
  bytes[0x1f1] = 0;
  EXPECT_EQ(complaint(bytes), "vmlinuz: is cut off: 2048 bytes where its header says 3072");
}

TEST(KernelImage, ReleasePointerBeyondTheFileIsRejected)
{
  std::string bytes = bz_image();
  bytes.replace(0x20e, 2, "\xff\xff");
  EXPECT_EQ(complaint(bytes), "vmlinuz: has no release text in its header");
}

TEST(KernelImage, EmptyReleaseIsRejected)
{
  std::string bytes = bz_image();
  bytes[0x300] = '\0';
  EXPECT_EQ(complaint(bytes), "vmlinuz: has no release text in its header");
}

// The magic, and the text of /proc/version after the format that it is made with.
std::string arm64_image()
{
  std::string bytes(512, '\0');
  bytes.replace(56, 4, "ARMd");
  bytes.replace(256, 17, "Linux version %s ");
  bytes.replace(300, 47, "Linux version 7.0.13+deb13-cloud-arm64 (debian)");
  return bytes;
}

// The same with an EFI header whose two sections end at 384 and, the greater, at 512.
std::string arm64_image_with_efi_header()
{
  std::string bytes = arm64_image();
  bytes[0x3c] = 64;
  bytes.replace(64, 4, std::string_view("PE\0\0", 4));
  bytes[64 + 6] = 2;    // sections
  bytes[64 + 20] = 16;  // bytes of the optional header
  const std::size_t table = 64 + 24 + 16;
  bytes.replace(table + 16, 8, std::string_view("\x00\x01\0\0\x00\x01\0\0", 8));
  bytes.replace(table + 40 + 16, 8, std::string_view("\x80\x00\0\0\x00\x01\0\0", 8));
  return bytes;
}

TEST(KernelImage, Arm64ImageIsKnownByItsMagic)
{
  EXPECT_TRUE(is_arm64_image(arm64_image()));
  EXPECT_FALSE(is_arm64_image(bz_image()));
  EXPECT_FALSE(is_arm64_image(""));
}

TEST(KernelImage, ReleaseOfAnArm64ImageIsThatOfItsVersionText)
{
  const auto release = check_image("Image", arm64_image());
  ASSERT_TRUE(release) << to_string(release.error());
  EXPECT_EQ(*release, "7.0.13+deb13-cloud-arm64");
}

TEST(KernelImage, Arm64ImageWithoutAVersionTextIsRejected)
{
  EXPECT_EQ(complaint(arm64_image().substr(0, 290)), "vmlinuz: has no release text in it");
}

TEST(KernelImage, Arm64ImageIsAsLongAsItsLastSection)
{
  EXPECT_TRUE(check_image("vmlinuz", arm64_image_with_efi_header()));
  EXPECT_EQ(complaint(arm64_image_with_efi_header().substr(0, 511)),
            "vmlinuz: is cut off: 511 bytes where its header says 512");
}

TEST(Sha256, OfAbcIsThatOfFips180)
{
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(FindKernel, RunningKernelIsAUsageError)
{
  const auto kernel = find_kernel("host", {}, {});
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().code, Errc::usage);
}

TEST(FindKernel, SpecThatIsNothingIsAUsageErrorNamingIt)
{
  const auto kernel = find_kernel("/no/such/image", {}, {});
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().code, Errc::usage);
  EXPECT_NE(kernel.error().context.find("/no/such/image"), std::string::npos);
}

std::string unified_image()
{
  std::string bytes(0x400, '\0');
  bytes.replace(0, 2, "MZ");
  bytes[0x3c] = '\x40';
  bytes.replace(0x40, 2, "PE");
  bytes[0x46] = 2;  // sections
  bytes.replace(0x40 + 24, 5, ".osrel");
  bytes.replace(0x40 + 24 + 40, 6, ".linux");
  return bytes;
}

TEST(CheckImage, AnotherKindOfImageIsNamedWithWhatToGiveInstead)
{
  const std::string rest(1000, '.');
  const std::pair<std::string, std::string> kinds[] = {
      {std::string("\x7f"
                   "ELF"),
       "bzImage"},
      {std::string("\x1f\x8b\x08"), "gzip -dc"},
      {std::string("\xfd"
                   "7zXZ\0",
                   6),
       "xz -dc"},
      {std::string("\x28\xb5\x2f\xfd"), "zstd -dc"},
      {std::string("\x02\x21\x4c\x18"), "lz4 -dc"},
      {std::string("MZ\0\0zimg", 8), "EFI zboot"},
      {unified_image(), "--only-section=.linux"},
      {std::string("!<arch>\ndebian-binary"), "Debian package"},
      {std::string("\x27\x05\x19\x56"), "U-Boot"},
  };
  for (const auto& [magic, told] : kinds) {
    const auto release = check_image("k", magic + rest);
    ASSERT_FALSE(release) << told;
    EXPECT_EQ(release.error().code, Errc::parse);
    EXPECT_NE(to_string(release.error()).find(told), std::string::npos)
        << to_string(release.error());
  }
  EXPECT_NE(to_string(check_image("k", "MZ" + rest).error()).find("no kernel image"),
            std::string::npos);
}

TEST(FindKernel, AFolderOfAnotherKindIsNamed)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(write_file(folder->path() / "manifest.json", "{}"));
  EXPECT_NE(find_kernel(folder->path(), {}, {})
                .error()
                .context.find("`rmaplab kernel build` did not make it"),
            std::string::npos);
  ASSERT_TRUE(write_file(folder->path() / "samples.csv", ""));
  EXPECT_NE(find_kernel(folder->path(), {}, {}).error().context.find("it is a run, no kernel"),
            std::string::npos);
}

TEST(FindKernel, ArchitectureWithoutGuestsIsUnsupportedAndNamed)
{
  const auto kernel = find_kernel("debian:7.0", {.architecture = "vax", .offline = true}, {});
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().code, Errc::unsupported);
  EXPECT_NE(kernel.error().context.find("vax"), std::string::npos);
}

TEST(FindKernel, ImageOfAnotherArchitectureIsAUsageErrorThatNamesTheOption)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const std::string image = folder->path() / "Image";
  ASSERT_TRUE(write_file(image, arm64_image()));
  const auto wrong = find_kernel(image, {.architecture = "amd64"}, {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::usage);
  EXPECT_NE(wrong.error().context.find("--arch arm64"), std::string::npos);
  const auto right = find_kernel(image, {.architecture = "arm64"}, {});
  ASSERT_TRUE(right) << to_string(right.error());
  EXPECT_EQ(right->architecture.name, "arm64");
}

TEST(FindKernel, BuildTreeOfOneArchitectureIsNoneOfAnother)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(make_directories(folder->path() / "arch/arm64/boot"));
  ASSERT_TRUE(write_file(folder->path() / "arch/arm64/boot/Image", arm64_image()));
  EXPECT_TRUE(find_kernel(folder->path(), {.architecture = "arm64"}, {}));
  const auto wrong = find_kernel(folder->path(), {.architecture = "amd64"}, {});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().context.find("arch/x86/boot/bzImage"), std::string::npos);
}

TEST(FindKernel, SystemMapOfABuildTreeIsTaken)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  ASSERT_TRUE(make_directories(folder->path() / "arch/x86/boot"));
  ASSERT_TRUE(write_file(folder->path() / "arch/x86/boot/bzImage", bz_image()));
  EXPECT_EQ(find_kernel(folder->path(), {.architecture = "amd64"}, {})->system_map, "");
  ASSERT_TRUE(write_file(folder->path() / "System.map", "ffffffff81000000 T _text\n"));
  EXPECT_EQ(find_kernel(folder->path(), {.architecture = "amd64"}, {})->system_map,
            folder->path() / "System.map");
}

TEST(FindKernel, SystemMapBesideAnImageIsTakenOfItsReleaseIfItNamesOne)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const auto map_of = [&](const char* image) {
    return find_kernel(folder->path() / image, {.architecture = "amd64"}, {})->system_map;
  };
  for (const char* image : {"bzImage", "vmlinuz-7.0.13"})
    ASSERT_TRUE(write_file(folder->path() / image, bz_image()));
  ASSERT_TRUE(write_file(folder->path() / "System.map", "a map"));
  EXPECT_EQ(map_of("bzImage"), folder->path() / "System.map");
  EXPECT_EQ(map_of("vmlinuz-7.0.13"), "");
  ASSERT_TRUE(write_file(folder->path() / "System.map-7.0.13", "a map"));
  EXPECT_EQ(map_of("vmlinuz-7.0.13"), folder->path() / "System.map-7.0.13");
}

TEST(FindKernel, DebianVersionThatIsNoneIsAUsageError)
{
  const auto kernel = find_kernel("debian:newest", {.offline = true}, {});
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().code, Errc::usage);
}

}  // namespace
}  // namespace rmaplab
