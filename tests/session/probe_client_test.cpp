// SPDX-License-Identifier: GPL-2.0-only
#include "session/probe_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace rmaplab
{
namespace
{

// Both ends; the test is the server. Answers are on the socket before the question is asked,
// since nothing of the client depends on which comes first.
class ProbeClientTest : public testing::Test
{
 protected:
  void SetUp() override
  {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  void answer(const std::string& text)
  {
    ASSERT_EQ(::send(theirs_.get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
  }
  std::string question()
  {
    char buffer[256];
    const ssize_t got = ::recv(theirs_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "";
  }
  bool is_shut_down()
  {
    struct pollfd end = {.fd = theirs_.get(), .events = POLLIN | POLLRDHUP, .revents = 0};
    return ::poll(&end, 1, 0) == 1 && (end.revents & POLLRDHUP);
  }

  UniqueFd ours_;
  UniqueFd theirs_;
};

TEST_F(ProbeClientTest, QuestionIsOneLine)
{
  answer("ok\n");
  ASSERT_TRUE(ProbeClient(ours_.get()).ask("forest 1 2"));
  EXPECT_EQ(question(), "forest 1 2\n");
}

TEST_F(ProbeClientTest, AnswerHasItsFields)
{
  answer("ok vmas=17 avcs=3\n");
  auto got = ProbeClient(ours_.get()).ask("forest 1");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->fields, (std::map<std::string, std::string>{{"vmas", "17"}, {"avcs", "3"}}));
  EXPECT_TRUE(got->rows.empty());
}

TEST_F(ProbeClientTest, AnswerHasAsManyRowsAsItSays)
{
  answer("ok rows=2\n10 1\n20 2\nok next=1\n");
  ProbeClient client(ours_.get());
  auto got = client.ask("curve-stop");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->rows, (std::vector<std::string>{"10 1", "20 2"}));
  auto next = client.ask("forest 1");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->fields["next"], "1");
}

TEST_F(ProbeClientTest, AnswerMayComeInPieces)
{
  std::thread server([&] {
    for (const char c : std::string("ok rows=2\nfirst\nsecond\n"))
      ::send(theirs_.get(), &c, 1, 0);
  });
  auto got = ProbeClient(ours_.get()).ask("curve-stop");
  server.join();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->rows, (std::vector<std::string>{"first", "second"}));
}

TEST_F(ProbeClientTest, LongAnswerIsWhole)
{
  std::string text = "ok rows=3000\n";
  for (int i = 0; i < 3000; ++i)
    text += "anon_vma,write,anon_vma_clone < __split_vma," + std::to_string(i) + '\n';
  std::thread server([&] { ::send(theirs_.get(), text.data(), text.size(), 0); });
  auto got = ProbeClient(ours_.get()).ask("contention-stop");
  server.join();
  ASSERT_TRUE(got);
  ASSERT_EQ(got->rows.size(), 3000u);
  EXPECT_EQ(got->rows.back(), "anon_vma,write,anon_vma_clone < __split_vma,2999");
}

TEST_F(ProbeClientTest, ErrorIsTheServersReasonAndTheNextQuestionIsAsked)
{
  answer("error process 7: No such process\nok a=1\n");
  ProbeClient client(ours_.get());
  const auto refused = client.ask("forest 7");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(refused.error()), "process 7: No such process");
  EXPECT_TRUE(client.ask("forest 1"));
}

TEST_F(ProbeClientTest, EndInTheMiddleOfALineIsNoAnswer)
{
  answer("ok vmas=1");
  theirs_.reset();
  const auto got = ProbeClient(ours_.get()).ask("forest 1");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(got.error()), "rmaplab-probe has ended");
}

TEST_F(ProbeClientTest, EndInTheMiddleOfTheRowsIsNoAnswer)
{
  answer("ok rows=2\n10 1\n");
  ASSERT_EQ(::shutdown(theirs_.get(), SHUT_WR), 0);
  const auto got = ProbeClient(ours_.get()).ask("curve-stop");
  ASSERT_FALSE(got);
  EXPECT_EQ(to_string(got.error()), "rmaplab-probe has ended");
}

TEST_F(ProbeClientTest, ServerThatHasEndedGivesTheReasonEachTime)
{
  theirs_.reset();
  ProbeClient client(ours_.get());
  for (int i = 0; i < 2; ++i) {
    const auto got = client.ask("forest 1");
    ASSERT_FALSE(got);
    EXPECT_EQ(to_string(got.error()), "rmaplab-probe has ended");
  }
}

TEST_F(ProbeClientTest, SilentServerIsGivenUpAndTheSocketShutDown)
{
  ProbeClient client(ours_.get(), 20);
  const auto got = client.ask("forest 1");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(got.error()), "rmaplab-probe did not answer within 0.02 s");
  EXPECT_TRUE(is_shut_down());
}

TEST_F(ProbeClientTest, LateAnswerIsNotTakenForTheNextOne)
{
  ProbeClient client(ours_.get(), 20);
  answer("ok rows=1\n");
  ASSERT_FALSE(client.ask("curve-stop"));
  ::send(theirs_.get(), "late\nok a=1\n", 12, MSG_NOSIGNAL);
  const auto next = client.ask("forest 1");
  ASSERT_FALSE(next);
  EXPECT_EQ(to_string(next.error()), "rmaplab-probe did not answer within 0.02 s");
}

TEST_F(ProbeClientTest, TextThatIsNoAnswerIsAParseError)
{
  answer("what\n");
  const auto got = ProbeClient(ours_.get()).ask("forest 1");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::parse);
  EXPECT_EQ(to_string(got.error()), "rmaplab-probe answered \"what\"");
}

TEST_F(ProbeClientTest, CountOfRowsThatIsNoNumberIsAParseError)
{
  answer("ok rows=many\n");
  const auto got = ProbeClient(ours_.get()).ask("forest 1");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::parse);
}

TEST(ProbeClientWithoutServer, IsUnsupportedWithTheReason)
{
  const auto got = ProbeClient(-1).ask("forest 1");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(got.error()), "rmaplab-probe is not beside the runner or did not start");
}

}  // namespace
}  // namespace rmaplab
