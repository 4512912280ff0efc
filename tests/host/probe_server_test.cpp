// SPDX-License-Identifier: GPL-2.0-only
// The real rmaplab-probe, asked over a socket as a case of the runner asks it.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "session/probe_client.h"

namespace rmaplab
{
namespace
{

class ProbeServerTest : public testing::Test
{
 protected:
  void SetUp() override
  {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    auto server = Child::spawn(
        {.argv = {RMAPLAB_PROBE, "serve", "--fd", "3"}, .pass_fds = {{theirs.get(), 3}}});
    ASSERT_TRUE(server) << to_string(server.error());
    server_.emplace(*std::move(server));
    client_.emplace(ours_.get());
  }
  std::string error_of(const std::string& question)
  {
    const auto answer = client_->ask(question);
    return answer ? "no error" : to_string(answer.error());
  }
  // The status with which the server ends when nobody is at the other end.
  std::optional<int> status_after_close()
  {
    ours_.reset();
    return server_->wait(5000);
  }

  UniqueFd ours_;
  std::optional<Child> server_;
  std::optional<ProbeClient> client_;
};

TEST_F(ProbeServerTest, UnknownRequestIsAnErrorAndTheNextIsAnswered)
{
  EXPECT_EQ(error_of("nonsense 1"), "unknown request \"nonsense 1\"");
  EXPECT_EQ(error_of(""), "unknown request \"\"");
  EXPECT_EQ(error_of("curve-stop"), "curve-stop before curve-start");
}

TEST_F(ProbeServerTest, StartBeforeOpenAndStopBeforeStartAreErrors)
{
  EXPECT_EQ(error_of("contention-start"), "contention-start before contention-open");
  EXPECT_EQ(error_of("contention-stop"), "contention-stop before contention-start");
}

TEST_F(ProbeServerTest, WordThatIsNoPidIsAnError)
{
  EXPECT_EQ(error_of("curve-start seven"), "\"seven\" is no PID");
  EXPECT_EQ(error_of("curve-start"), "no PID given");
  EXPECT_EQ(error_of("forest -1"), "\"-1\" is no PID");
}

TEST_F(ProbeServerTest, GarbageIsAnswered)
{
  std::string noise;
  for (int i = 1; i < 256; ++i)
    if (i != '\n')
      noise += static_cast<char>(i);
  EXPECT_EQ(error_of(noise).rfind("unknown request", 0), 0u);
  EXPECT_EQ(error_of("curve-stop"), "curve-stop before curve-start");
}

TEST_F(ProbeServerTest, EndlessLineEndsIt)
{
  const std::string noise(4096, 'x');
  while (::send(ours_.get(), noise.data(), noise.size(), MSG_NOSIGNAL) > 0) {
  }
  const auto status = server_->wait(5000);
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_wait_status(*status), "exit status 2");
}

TEST_F(ProbeServerTest, CurveOfThisProcessHasItsPeak)
{
  ASSERT_TRUE(client_->ask("curve-start " + std::to_string(::getpid())));
  const auto curve = client_->ask("curve-stop");
  ASSERT_TRUE(curve) << to_string(curve.error());
  EXPECT_GE(parse_u64(curve->fields.at("peak")).value_or(0), 10u);
  EXPECT_GE(parse_u64(curve->fields.at("samples")).value_or(0), 2u);
  ASSERT_FALSE(curve->rows.empty());
  EXPECT_EQ(split_blanks(curve->rows[0]).size(), 2u) << curve->rows[0];
}

TEST_F(ProbeServerTest, CurveOfNoProcessIsRefusedAndNotBegun)
{
  auto child = Child::spawn({.argv = {"true"}});
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->wait(5000));
  const std::string gone = std::to_string(child->pid());
  EXPECT_NE(error_of("curve-start " + gone), "no error");
  EXPECT_EQ(error_of("curve-stop"), "curve-stop before curve-start");
}

TEST_F(ProbeServerTest, ForestOfThisProcessHasOurVmas)
{
  const auto forest = client_->ask("forest " + std::to_string(::getpid()));
  if (!forest)
    GTEST_SKIP() << to_string(forest.error());
  EXPECT_EQ(forest->fields.at("processes"), "1");
  const auto number = [&](const char* name) {
    return parse_u64(forest->fields.at(name)).value_or(0);
  };
  EXPECT_GE(number("avcs"), number("vmas_with_anon_vma"));
  EXPECT_GE(number("vmas"), 10u);
}

TEST_F(ProbeServerTest, ContentionCanBeTracedTwice)
{
  for (int i = 0; i < 2; ++i) {
    if (const auto opened = client_->ask("contention-open"); !opened)
      GTEST_SKIP() << to_string(opened.error());
    ASSERT_TRUE(client_->ask("contention-start"));
    const auto stopped = client_->ask("contention-stop");
    ASSERT_TRUE(stopped) << to_string(stopped.error());
    EXPECT_EQ(stopped->fields.at("rows"), std::to_string(stopped->rows.size()));
    EXPECT_EQ(error_of("contention-stop"), "contention-stop before contention-start");
  }
}

TEST_F(ProbeServerTest, ClosingTheSocketEndsIt)
{
  EXPECT_EQ(status_after_close(), 0);
}

TEST_F(ProbeServerTest, ClosingTheSocketEndsItInTheMiddleOfACurve)
{
  ASSERT_TRUE(client_->ask("curve-start " + std::to_string(::getpid())));
  EXPECT_EQ(status_after_close(), 0);
}

TEST_F(ProbeServerTest, ClosingTheSocketEndsItInTheMiddleOfALine)
{
  ASSERT_EQ(::send(ours_.get(), "fore", 4, MSG_NOSIGNAL), 4);
  EXPECT_EQ(status_after_close(), 0);
}

TEST_F(ProbeServerTest, KilledServerIsSaidToHaveEnded)
{
  ASSERT_EQ(::kill(server_->pid(), SIGKILL), 0);
  EXPECT_EQ(error_of("curve-stop"), "rmaplab-probe has ended");
}

TEST_F(ProbeServerTest, StoppedServerIsGivenUp)
{
  ASSERT_EQ(::kill(server_->pid(), SIGSTOP), 0);
  const auto answer = ProbeClient(ours_.get(), 50).ask("curve-stop");
  ASSERT_FALSE(answer);
  EXPECT_EQ(to_string(answer.error()), "rmaplab-probe did not answer within 0.05 s");
}

}  // namespace
}  // namespace rmaplab
