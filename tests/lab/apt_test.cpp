// SPDX-License-Identifier: GPL-2.0-only
#include "lab/apt.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

TEST(Apt, MirrorIsTheMainArchiveNotSecurityNorUpdates)
{
  EXPECT_EQ(mirror_of_targets("http://security.example|trixie-security|main\n"
                              "http://updates.example|trixie-updates|main\n"
                              "http://mirror.example/debian|trixie|main\n"),
            "http://mirror.example/debian");
}

TEST(Apt, OnlyAUriGetsIntoItsConfiguration)
{
  EXPECT_TRUE(is_uri("http://mirror.example/debian"));
  EXPECT_TRUE(is_uri("file:/srv/debian"));
  for (const char* text : {"", "mirror.example", "http://a b/", "http://a/\nTrusted: yes",
                           "http://a/\r", "http://a/\033[2J"})
    EXPECT_FALSE(is_uri(text)) << text;
}

TEST(Apt, MirrorIsKnownByTheMainComponent)
{
  EXPECT_EQ(mirror_of_targets("http://other.example|trixie|contrib\n"
                              "http://mirror.example/debian|trixie|main\n"),
            "http://mirror.example/debian");
}

TEST(Apt, SourcesWithoutDebianHaveNoMirror)
{
  EXPECT_EQ(mirror_of_targets("http://archive.ubuntu.com/ubuntu|noble|main\n"), std::nullopt);
  EXPECT_EQ(mirror_of_targets(""), std::nullopt);
}

std::vector<std::string> stanzas()
{
  const std::string text = sources_text("http://mirror.example/debian", "amd64", "/keys/a.gpg");
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find("\n\n", at);
    all.push_back(text.substr(at, end - at + 1));
    at = end == std::string::npos ? text.size() : end + 2;
  }
  return all;
}

TEST(Apt, SourcesHaveOneStanzaASuite)
{
  const auto all = stanzas();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_NE(all[0].find("\nSuites: bookworm\n"), std::string::npos);
  EXPECT_NE(all[3].find("\nSuites: trixie-backports\n"), std::string::npos);
  EXPECT_NE(all[4].find("\nSuites: sid\n"), std::string::npos);
}

TEST(Apt, EveryStanzaOfTheSourcesNamesTheKeyring)
{
  for (const auto& stanza : stanzas())
    EXPECT_NE(stanza.find("\nSigned-By: /keys/a.gpg\n"), std::string::npos) << stanza;
}

TEST(Apt, EveryStanzaOfTheSourcesNamesMirrorAndArchitecture)
{
  for (const auto& stanza : stanzas()) {
    EXPECT_NE(stanza.find("\nURIs: http://mirror.example/debian\n"), std::string::npos) << stanza;
    EXPECT_NE(stanza.find("\nArchitectures: amd64\n"), std::string::npos) << stanza;
  }
}

}  // namespace
}  // namespace rmaplab
