// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_image.h"

#include <gtest/gtest.h>

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

TEST(KernelImage, Arm64ImageIsKnownByItsMagic)
{
  std::string bytes(128, '\0');
  bytes.replace(56, 4, "ARMd");
  const auto release = check_image("Image", bytes);
  ASSERT_TRUE(release);
  EXPECT_EQ(*release, "arm64");
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

TEST(FindKernel, DebianVersionThatIsNoneIsAUsageError)
{
  const auto kernel = find_kernel("debian:newest", {.offline = true}, {});
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().code, Errc::usage);
}

}  // namespace
}  // namespace rmaplab
